"""What a post says of the journey and the job: places with their part in the route, the work, the pay."""

from detector.facts.finding import find_facts
from detector.facts.records import UNKNOWN, CaseFacts, Pay, Place, Work

__all__ = ["UNKNOWN", "CaseFacts", "Pay", "Place", "Work", "find_facts"]
