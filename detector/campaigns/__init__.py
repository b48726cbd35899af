"""Campaigns: posts of one poster or one text, linked by near-duplicate wording and by shared contacts.

The input is what ``scam-detector score`` writes, the output a folder of tables and a graph. A campaign is a lead for a person to
check, not a proof that one hand wrote its posts.
"""

from detector.campaigns.job import Linked, Options, Outcome, find_campaigns, link_posts

__all__ = ["Linked", "Options", "Outcome", "find_campaigns", "link_posts"]
