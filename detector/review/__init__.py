"""The posts whose answer teaches most, as a queue for readers: a sheet to fill in, or tasks for Label Studio.

``python -m training corpus add`` takes the answers back. See :mod:`detector.review.choosing` for how posts are ranked.
"""

from detector.review.job import Options, Outcome, make_queue

__all__ = ["Options", "Outcome", "make_queue"]
