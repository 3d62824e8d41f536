"""What captions call things: what an artist would type first. Only these words of file names are used, since many others are names of people."""

from __future__ import annotations

#: Nouns that names of files may hold.
NOUNS = frozenset((
    "airplane", "alien", "angel", "apple", "baby", "bacon", "ball", "balloon", "banana", "bear", "bee", "beer",
    "bird", "boat", "book", "bottle", "boy", "bread", "bunny", "burger", "bus", "butterfly", "cake", "camel",
    "camera", "candle", "candy", "car", "castle", "cat", "caterpillar", "cheese", "cherry", "chicken", "child",
    "clown", "coffee", "computer", "corn", "cow", "crab", "crocodile", "croissant", "crown", "cup", "dinosaur", "dog",
    "doll", "dolphin", "donut", "dragon", "drum", "duck", "eagle", "egg", "elephant", "eye", "fairy", "fire",
    "fireman", "fireworks", "fish", "flag", "flower", "fox", "frog", "fruit", "ghost", "giraffe", "girl", "glass",
    "goat", "gorilla", "grapes", "guitar", "hand", "harp", "hat", "head", "heart", "helicopter", "hippo", "home",
    "horse", "house", "ice", "kangaroo", "king", "kite", "ladybug", "lamp", "leaf", "lemon", "lighthouse", "lion",
    "lizard", "man", "melon", "mermaid", "milk", "monkey", "monster", "moon", "mountain", "mouse", "mushroom",
    "octopus", "onion", "orange", "owl", "panda", "parrot", "peacock", "pear", "penguin", "piano", "pig", "pineapple",
    "pizza", "plane", "plant", "policeman", "potato", "princess", "pumpkin", "queen", "rabbit", "rhinoceros", "robot",
    "rocket", "rose", "sailor", "sandwich", "santa", "scarecrow", "school", "sea", "seal", "shark", "sheep", "ship",
    "shirt", "shoe", "skeleton", "snail", "snake", "snowman", "spider", "squirrel", "star", "strawberry", "sun",
    "sunflower", "swan", "sword", "teapot", "teddy", "tiger", "tomato", "toucan", "tower", "train", "tree", "truck",
    "trumpet", "turkey", "turtle", "umbrella", "unicorn", "violin", "whale", "wine", "witch", "wizard", "wolf",
    "woman", "zebra",
))  # fmt: skip
#: Where a name says nothing: the start of a category, and what may be said.
KINDS: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("avatars", ("face", "portrait", "character", "person")),
    ("people/smilies", ("smiley", "face")),
    ("people/clothing", ("clothes",)),
    ("people", ("person", "character", "figure")),
    ("animals/birds", ("bird", "animal")),
    ("animals/bugs", ("bug", "animal")),
    ("animals/fish", ("fish", "animal")),
    ("animals/dinosaurs", ("dinosaur", "animal")),
    ("animals", ("animal", "creature")),
    ("food/fruit", ("fruit", "food")),
    ("food", ("food",)),
    ("plants/flowers", ("flower", "plant")),
    ("plants/trees", ("tree", "plant")),
    ("plants", ("plant",)),
    ("buildings", ("building", "house")),
    ("transportation", ("vehicle",)),
    ("recreation/music", ("instrument",)),
)
THINGS = ("drawing", "object", "picture")
#: For each look, how a caption may call it; nothing is most often said.
LOOK_WORDS: dict[str, tuple[str, ...]] = {
    "as drawn": ("cartoon", "anime", "illustration", "drawing"),
    "lines": ("line drawing", "ink drawing", "sketch", "pencil drawing"),
    "tones": ("manga", "comic", "black and white"),
    "painted": ("painting", "watercolor", "painted"),
}
#: By how far the figure moves, in pixels of 128 rows: at most so many, and the words.
AMOUNT_WORDS: tuple[tuple[float, tuple[str, ...]], ...] = (
    (2.0, ("gently", "softly", "slowly", "calmly", "a little", "subtly")),
    (5.0, ("",)),
    (100.0, ("strongly", "wildly", "quickly", "a lot", "lively", "dramatically")),
)


def name_of(words: tuple[str, ...], category: str, choice: int) -> str:
    """The first known noun, else a word for the category; `choice` picks among synonyms."""
    for word in words:
        if word in NOUNS:
            return word
    kinds = next((said for start, said in KINDS if category.startswith(start)), THINGS)
    return kinds[choice % len(kinds)]


def vocabulary() -> frozenset[str]:
    """All words of this file."""
    texts = [text for _, said in KINDS for text in said]
    texts += [
        text
        for table in (LOOK_WORDS.values(), (said for _, said in AMOUNT_WORDS))
        for said in table
        for text in said
    ]
    return NOUNS | frozenset(
        word for text in (*texts, *THINGS, "girl with orange hair", "close up", "of") for word in text.split()
    )
