"""Commands of ``scam-detector``, one a module; :mod:`detector.cli` registers them."""
