"""Posts for the tests of what compares posts: one lure, reworded, and posts that nothing joins."""

LURE = "Chat support agents needed in Cambodia, $1500 a month, free flight, room and meals, no experience required"
REWORDS = (
    LURE,
    f"🔥 {LURE} 🔥",
    LURE.replace("1500", "1800"),
    LURE.replace("Chat support", "Typing"),
    f"Hello friends! {LURE}",
)
UNLIKE = (
    "Barista wanted for a quiet cafe by the river, mornings only, ask at the counter for Nina",
    "Selling my old bicycle, two new tyres, a basket and a bell, pick it up in the north of town",
    "The library opens at nine tomorrow and shows the films of the school's summer course",
    "Has anybody seen a grey cat with one white paw around the market since last Thursday evening",
    "Our choir looks for two tenors who can read music, rehearsals are held every second Monday",
    "Lecture on the history of salt trade in the mountains, free entry, tea is served afterwards",
)
