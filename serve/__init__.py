"""The HTTP service around the detector; see :func:`serve.app.create_app`."""
