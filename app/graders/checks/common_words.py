"""The commonest words of a few languages: where both texts hold enough of the same one's, no model need be asked."""

# Words that close relatives share are left out as far as may be; the language with the most of its words counts.
ENOUGH_WORDS = 4
COMMON_WORDS = {
    language: frozenset(words.split())
    for language, words in {
        "en": (
            "the and that you with this are for not have from can your be to of it which what how they will was had has its by "
            "at after about as we our if or but when more there their would could should than then"
        ),
        "de": "und der die das ist nicht ein eine mit für auf sie ich den sich von zu wie dem wir auch werden oder",
        "fr": "le les des et une est pour vous dans que pas sur avec je du au ce qui sont nous votre plus",
        "es": "los las el una para con que está más del como su por y se le lo pero cómo qué sus al",
        "it": "il che di per una sono con non della gli è del la si come nel dei delle anche più questo",
        "pt": "não uma os para com que é do da em você dos um ao mais por como das são seu sua pelo",
        "nl": "de het een van en ik niet dat voor met zijn je naar maar ook worden kan wordt deze bij",
    }.items()
}
