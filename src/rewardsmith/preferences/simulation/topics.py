"""The sentences that simulated texts are made of, written for this project.

Twenty-four topics in eight categories. Each has a question and five useful sentences of similar length; empty
sentences of the same length say nothing about any topic.
"""

from __future__ import annotations

from typing import NamedTuple


class Topic(NamedTuple):
    """``question`` continues any of the openings; ``useful`` answers it, in any order."""

    category: str
    question: str
    useful: tuple[str, ...]


TOPICS: tuple[Topic, ...] = (
    Topic(
        "cooking",
        "how do I bake bread with a good crust?",
        (
            "Put a tray of hot water on the oven floor, since steam keeps the crust from setting early.",
            "Let the dough prove in the fridge overnight, which gives it both flavour and strength.",
            "Heat the baking stone for a full half hour before the loaf goes onto it.",
            "Slash the top with a sharp blade so that the bread can open where you want.",
            "Bake it until the base sounds hollow, and cool it on a wire rack.",
        ),
    ),
    Topic(
        "cooking",
        "how can I make a soup taste richer without meat?",
        (
            "Roast the onions and carrots until brown before any water touches the vegetables.",
            "Drop a rind of hard cheese or some dried mushrooms into the simmering pot.",
            "Fry a spoon of tomato paste until it darkens, then stir in the stock.",
            "Finish the bowl with lemon juice, because a little acid lifts the whole flavour.",
            "Blend one third of the beans and stir them back in for a creamy body.",
        ),
    ),
    Topic(
        "cooking",
        "how should I keep fresh herbs from wilting?",
        (
            "Stand parsley and coriander in a glass of water, like cut flowers, inside the fridge.",
            "Wrap thyme and rosemary in a damp paper towel and keep them in a box.",
            "Leave basil on the kitchen counter, as the cold of a fridge blackens its leaves.",
            "Freeze chopped herbs in olive oil, using an ice tray, for soups and sauces.",
            "Wash herbs only just before you use them, since moisture makes them rot.",
        ),
    ),
    Topic(
        "garden",
        "why do my tomato plants have yellow leaves?",
        (
            "Yellow lower leaves usually mean too little nitrogen, so feed the plants every second week.",
            "Water the soil deeply but seldom, because soggy roots also turn the foliage yellow.",
            "Spots with dark rings point to early blight, and those leaves should be cut off.",
            "Give every plant half a metre of space so that wind can dry the leaves.",
            "Mulch with straw to stop rain from splashing fungus from the soil onto the stems.",
        ),
    ),
    Topic(
        "garden",
        "how do I keep slugs away from my lettuce?",
        (
            "Collect slugs at dusk with a torch, when they crawl out to feed on seedlings.",
            "Lay a ring of copper tape around the raised bed, which slugs dislike crossing.",
            "Water the lettuce in the morning, so that the ground is dry by night.",
            "Put out wet boards as traps and lift them each morning to remove the slugs.",
            "Invite hedgehogs and ground beetles with a heap of leaves near the bed.",
        ),
    ),
    Topic(
        "garden",
        "when and how should I prune an old apple tree?",
        (
            "Prune in late winter while the tree is dormant and its shape is easy to see.",
            "Take out dead and crossing branches first, and cut them back to the collar.",
            "Never remove more than a quarter of the crown of an old tree in one year.",
            "Open the middle of the crown so that sunlight reaches the fruiting wood.",
            "Clean the saw with alcohol between trees to avoid carrying canker along.",
        ),
    ),
    Topic(
        "health",
        "how can I sleep better when I work late shifts?",
        (
            "Keep the bedroom dark with thick curtains, since daylight tells the body to wake.",
            "Go to bed at the same hour after every shift, also on your days off.",
            "Drink your last coffee at least six hours before you want to fall asleep.",
            "Wear sunglasses on the way home so that morning light does not reset your clock.",
            "Ask family for quiet hours and leave the phone in another room while you sleep.",
        ),
    ),
    Topic(
        "health",
        "how do I start running without hurting my knees?",
        (
            "Alternate one minute of running with two minutes of walking for the first weeks.",
            "Raise your weekly distance by no more than a tenth, so that tendons can adapt.",
            "Take short quick steps and land under your hips rather than far in front.",
            "Strengthen thighs and hips with squats and lunges twice a week beside the runs.",
            "Replace worn running shoes after some seven hundred kilometres on the road.",
        ),
    ),
    Topic(
        "health",
        "what helps against a stiff neck from desk work?",
        (
            "Raise the screen until its upper edge is level with your eyes when you sit.",
            "Stand up every thirty minutes and roll your shoulders backwards ten times.",
            "Support your forearms on the desk, so that the neck muscles can let go.",
            "Tilt your ear slowly to each shoulder and hold the stretch for twenty seconds.",
            "A warm towel across the neck for ten minutes in the evening relaxes the muscles.",
        ),
    ),
    Topic(
        "money",
        "how do I pay off several debts at once?",
        (
            "List all debts with their interest rates and put extra money on the dearest one.",
            "Pay the minimum on every other loan on time, to avoid fees and black marks.",
            "Ask the bank for a single cheaper loan that replaces the credit cards.",
            "Move the payment date to the day after your salary and automate the transfer.",
            "Call the lender before you miss a rate, as many will agree to a pause.",
        ),
    ),
    Topic(
        "money",
        "how much should I save before I buy a flat?",
        (
            "Aim for a fifth of the price as a deposit, so that the mortgage stays cheaper.",
            "Count taxes, notary and agent on top, often a tenth of the purchase price.",
            "Leave three monthly salaries untouched as a reserve for repairs after moving in.",
            "Test the future payment by saving that amount each month for half a year.",
            "Compare offers from at least three lenders, including the fees in small print.",
        ),
    ),
    Topic(
        "money",
        "what is the simplest way to plan a household budget?",
        (
            "Write down fixed costs such as rent and insurance and subtract them from your income.",
            "Give groceries, transport and fun one weekly amount each and track what is spent.",
            "Send savings to a separate account on payday instead of saving what is left.",
            "Divide yearly bills by twelve and set that share aside every month.",
            "Check the plan on the last evening of the month and correct two numbers.",
        ),
    ),
    Topic(
        "computers",
        "why has my laptop become so slow?",
        (
            "Open the task manager and sort by memory to see which program eats the most.",
            "Switch off the programs that start together with the system and are not needed.",
            "Free a fifth of the disk, because a full drive slows down every update.",
            "Blow the dust out of the fan, as an overheated processor lowers its speed.",
            "Replacing an old hard disk by a solid state drive makes the greatest difference.",
        ),
    ),
    Topic(
        "computers",
        "how do I keep my online accounts safe?",
        (
            "Use a password manager, so that every account can have a long password of its own.",
            "Turn on two-step login for the mailbox first, since it can reset all others.",
            "Never follow a login link in a message but type the address yourself.",
            "Install updates of the browser and phone within days after they appear.",
            "Print the recovery codes and store the paper where you keep your passport.",
        ),
    ),
    Topic(
        "computers",
        "how should I organise thousands of digital photos?",
        (
            "Make one folder a year and name the subfolders by month and event.",
            "Delete blurred and double pictures right after you copy them from the camera.",
            "Keep three copies, two on different drives and one outside of the house.",
            "Tag faces and places with a photo program, then searching takes seconds.",
            "Mark the best hundred pictures of each year and print them as a book.",
        ),
    ),
    Topic(
        "travel",
        "how do I survive a long flight in economy class?",
        (
            "Choose an aisle seat near the front, so that you can stretch your legs often.",
            "Drink a glass of water every hour and skip the wine, because cabin air is dry.",
            "Set your watch to the new time zone on boarding and sleep by that clock.",
            "Bring a neck pillow, earplugs and an eye mask in your hand luggage.",
            "Wear compression socks and circle your ankles to keep the blood flowing.",
        ),
    ),
    Topic(
        "travel",
        "what should I pack for a week of hiking from hut to hut?",
        (
            "Take boots that you have already walked in and two pairs of woollen socks.",
            "A light rain jacket and a warm layer belong on top of the pack.",
            "Carry a sleeping bag liner, since most huts provide blankets but no sheets.",
            "Bring cash for the huts, as cards are rarely accepted in the mountains.",
            "Keep the backpack below nine kilos by sharing sunscreen and first aid.",
        ),
    ),
    Topic(
        "travel",
        "how can I find cheap train tickets?",
        (
            "Book as soon as sales open, since the cheapest seats of each train go first.",
            "Travel on Tuesday or Wednesday around noon, when the trains are half empty.",
            "Compare the price of two separate tickets with that of the direct connection.",
            "A railway discount card often pays for itself on the second long journey.",
            "Look at slower regional trains, which may be covered by one day ticket.",
        ),
    ),
    Topic(
        "school",
        "how do I prepare for a difficult maths exam?",
        (
            "Solve old exam papers against the clock and mark them yourself with the key.",
            "Write every mistake into a notebook and redo that problem three days later.",
            "Explain each theorem aloud to a friend until no step needs to be guessed.",
            "Study in blocks of forty minutes, with short walks rather than a phone between.",
            "Start with the topics that carry most points and leave rare ones for last.",
        ),
    ),
    Topic(
        "school",
        "how do I give a talk without reading from notes?",
        (
            "Reduce the talk to five key words and write them onto one small card.",
            "Practise the first two sentences until you could say them in your sleep.",
            "Rehearse standing, aloud and with a timer, at least three times before the day.",
            "Show one picture a slide, so that the audience listens in place of reading.",
            "Look at one person until the sentence ends, and then turn to the next.",
        ),
    ),
    Topic(
        "school",
        "how can I learn new vocabulary that stays in memory?",
        (
            "Review words after one, three and seven days, just before you would forget them.",
            "Learn each word inside a short sentence about something from your own life.",
            "Cover the translation and recall it actively instead of reading the list again.",
            "Limit yourself to ten new words a day, and repeat the old ones first.",
            "Draw a funny picture for stubborn words, as images are remembered longer.",
        ),
    ),
    Topic(
        "home",
        "how do I get rid of mould in the bathroom?",
        (
            "Wipe the mould off with alcohol of seventy percent while wearing gloves and a mask.",
            "Open the window wide for ten minutes after every shower to let out the damp.",
            "Pull the water off tiles with a squeegee, since dry grout cannot go mouldy.",
            "Replace black silicone joints, because the fungus grows right through the rubber.",
            "Keep the room above eighteen degrees, for cold walls collect the moisture.",
        ),
    ),
    Topic(
        "home",
        "how do I paint a wall without streaks?",
        (
            "Mask the edges with tape and paint the corners first, using a small brush.",
            "Load the roller evenly and roll it over the grid until it stops dripping.",
            "Work from the window inwards and keep a wet edge between the strips.",
            "Finish each strip with light strokes from top to bottom in one direction.",
            "Prime bare plaster beforehand, as it sucks up paint and leaves blotches.",
        ),
    ),
    Topic(
        "home",
        "how can I make my old flat warmer in winter?",
        (
            "Seal the gaps of windows and doors with foam tape, the cheapest step of all.",
            "Bleed the radiators in autumn, so that hot water fills them to the top.",
            "Move the sofa away from the heater and put foil on the wall behind it.",
            "Hang thick curtains and close them at dusk, but keep them off the radiator.",
            "Lay a carpet over floorboards, through which much of the cold air rises.",
        ),
    ),
)

EMPTY: tuple[str, ...] = (
    "This is a question that many people ask, and there are many different views.",
    "It really depends on a number of things that are hard to say from here.",
    "In general one should always try to do whatever seems to be best at the time.",
    "There are many ways of going about it, and some are perhaps better than others.",
    "It is important to remember that every situation is different in its own way.",
    "Some experts agree with this, while others may well see the matter differently.",
    "As with most things in life, a good result needs time and the right approach.",
    "You could of course look for more information about this somewhere on the internet.",
    "I hope that this is of some help to you, and please feel free to ask again.",
    "Before anything else, it is worth thinking about what you want to reach.",
    "There is no simple answer here, but then most answers are hardly ever simple.",
    "All in all it is a very interesting topic with a long and quite varied history.",
    "Many have tried it before with more or less success, and it was mostly fine.",
    "What matters in the end is that you are happy with the way it all turned out.",
    "To be honest, I would not worry too much, since things tend to work out.",
    "Whatever you decide to do, please keep in mind that nothing is ever perfect.",
)

OPENINGS: tuple[str, ...] = (
    "Quick question:",
    "I have tried everything I could think of.",
    "My neighbour and I were arguing about this yesterday.",
    "Please explain it to me in plain words.",
    "I am a complete beginner.",
    "It is for my mother, who has little patience.",
    "I only have this weekend and not much money.",
    "A friend told me to ask somebody who knows.",
    "After ten years I still get this wrong.",
    "Last month it went badly for me.",
    "I read two books on the subject and they disagree.",
    "Our club wants to write a leaflet.",
    "Sorry if this sounds silly.",
    "I am asking for my students.",
    "Without buying any special equipment,",
    "My flatmate says it cannot be done.",
)

CLOSINGS: tuple[str, ...] = (
    "",
    " Two or three tips are enough.",
    " I would like to understand the reasons too.",
    " Keep it short, please.",
    " I live in a cold and rainy region.",
    " Money is not a problem.",
    " What do most people get wrong?",
    " I need an answer before Friday.",
    " Thanks in advance!",
    " We are four people and a dog.",
    " I would rather avoid chemicals.",
    " My last attempt took hours.",
)
