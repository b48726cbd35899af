"""From posts to the bundle that :mod:`detector` reads: data, fine-tuning, export, evaluation."""
