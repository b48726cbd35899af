"""What the words of a verdict mean, in plain language, for a reader who does not know the detector.

Source: the guideline that the posts of ``data/corpus`` were labelled by (``data/README.md``).
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Term:
    """A code, as a person would say it.

    :ivar name: A few words, to stand in a table or beside a mark.
    :ivar meaning: A sentence.
    """

    name: str
    meaning: str


LABELS = {
    "scam_compound": Term(
        "Scam-compound lure",
        "Recruits, sells or transfers people for work that a careful analyst would suspect to be an online-scam operation. "
        "A combination of signs says so, never one alone.",
    ),
    "other_job_fraud": Term(
        "Other job fraud",
        "Another fraudulent offer: paid tasks, advance fees, stolen identity papers, money mules, rented accounts, pyramid "
        "selling, fake visas or employers.",
    ),
    "legit_job": Term(
        "Honest vacancy",
        "A vacancy that looks honest, also in places known for compounds, also over a messenger, also with flight and lodging.",
    ),
    "not_job": Term(
        "No vacancy",
        "News, warnings that quote a lure, accounts of survivors and families, questions, people who look for work, other "
        "advertising, small talk.",
    ),
}
"""The labels of :data:`detector.records.LABELS`."""

BANDS = {
    "high": Term("High", "The score is so high that hardly any harmless post reaches it. Read these first."),
    "review": Term("Review", "The score leaves doubt. Most are lures, some are not: a person has to read them."),
    "low": Term("Low", "The score is low. That is no clearance: some lures carry almost no sign."),
    "abstain": Term("Abstained", "Too short, or nothing readable. The detector does not judge the post."),
}

REASONS = {
    "too_short": Term("Too short", "The text has too few letters to be judged."),
    "nothing_readable": Term("Nothing readable", "Digits, symbols or machine output instead of language."),
}
"""Why a post is abstained on."""

INDICATORS = {
    "pay_out_of_line": Term("Pay out of line", "The pay is far above what such work earns at home."),
    "no_requirements": Term("No requirements", "No experience, schooling or skill is asked for."),
    "vague_online_role": Term("Vague online role", "Typing, chat or “customer service”, with no product and no duties named."),
    "typing_or_language_only": Term("Only typing or a language", "Nothing is asked but fast typing or a foreign language."),
    "chat_with_strangers_duty": Term("Chat with strangers", "The work is to find strangers and keep them in conversation."),
    "face_role": Term("Face for the camera", "Model, live-streamer, or a face for video calls."),
    "gambling_or_crypto": Term("Gambling or crypto", "The work itself is online gambling, trading or cryptocurrency."),
    "travel_paid": Term("Travel paid", "Ticket, visa or passport are paid by the recruiter."),
    "board_and_lodging": Term("Board and lodging", "Room and meals are part of the offer."),
    "hotspot_destination": Term("Known hotspot", "A town known for compounds is named, or one that is usually said in its place."),
    "place_vague_or_mismatch": Term("Place vague or odd", "No address, or one that does not fit the work."),
    "leave_now": Term("Leave now", "Travel at once, passport in hand."),
    "irregular_travel": Term("Irregular travel", "A crossing by land or boat, or a tourist visa as cover."),
    "debt_lure": Term("Aims at debtors", "Speaks to people in debt, or pays advances."),
    "safety_denial": Term("Denies danger", "Says unasked that there is no beating, or that one is free to go."),
    "illegality_hint": Term("Hints at grey work", "Says or hints that the work is not legal."),
    "passport_or_contract_control": Term("Papers or exit controlled", "Passports are kept, or leaving must be paid for."),
    "secrecy": Term("Secrecy", "Tell nobody, delete the message, say something else at the border."),
    "recruit_bonus": Term("Paid per head", "Money for bringing others, or workers sold or moved between companies."),
    "commission_kpi": Term("Commission and targets", "Pay by commission, with targets to reach."),
    "target_market_language": Term("Victims’ market", "Wanted are natives of a country whose people are commonly defrauded."),
    "age_gender_profile": Term("Age or sex wanted", "A narrow age, or one sex, is asked for."),
    "messenger_only_contact": Term("Messenger only", "A private messenger account is the only way to apply."),
    "no_employer_identity": Term("No employer named", "Nothing in the post says who the employer is. There are no words to mark."),
    "urgency_or_riches": Term("Urgency or riches", "Few places left, change your life, quick wealth."),
    "upfront_fee": Term("Worker pays first", "The worker pays a fee. Points to other fraud."),
    "home_tasks": Term("Tasks from home", "Likes, orders or reviews done at home. Points to other fraud."),
    "verifiable_employer": Term(
        "Employer can be checked", "A licence, an address or the company's own domain is given. Points away."
    ),
    "warning_or_report": Term("Warning or report", "The text warns, reports, asks or remembers. Points away."),
}
"""The indicators of :data:`detector.records.INDICATORS`."""

POINTING_AWAY = frozenset({"upfront_fee", "home_tasks", "verifiable_employer", "warning_or_report"})
"""Indicators that speak against a scam compound."""
