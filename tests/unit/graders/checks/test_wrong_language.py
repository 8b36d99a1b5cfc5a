"""Check `wrong_language`: another language than the question's, where both texts are long enough and nobody asked for one."""

from itertools import permutations
from typing import Any

import pytest

from app.domain.exchange import Json, Reply
from app.graders.checks import wrong_language

TEXTS = {
    "en": "Could you please tell me how long the delivery of my order takes, and whether I can still change the address of it?",
    "de": "Können Sie mir bitte sagen, wie lange die Lieferung meiner Bestellung dauert und ob ich die Adresse ändern kann?",
    "fr": "Pourriez-vous me dire combien de temps prend la livraison de ma commande et si je peux encore changer mon adresse ?",
    "es": "¿Podría decirme cuánto tarda la entrega de mi pedido y si todavía puedo cambiar la dirección a la que se envía?",
    "pt": "Você poderia me dizer quanto tempo demora a entrega do meu pedido e se ainda posso mudar o endereço de envio dele?",
    "pl": "Czy może mi Pan powiedzieć, jak długo trwa dostawa mojego zamówienia i czy mogę jeszcze zmienić adres dostawy?",
    "ru": "Скажите, пожалуйста, сколько времени занимает доставка моего заказа и могу ли я ещё изменить адрес доставки товара?",
    "ja": "注文した商品の配達にはどのくらいの時間がかかりますか。また、配送先の住所をまだ変更することはできますか。"
    "できるだけ早くお返事をいただけると助かります。どうぞよろしくお願いいたします。お待ちしております。",
}


def asked(text: str, *system: str, **more: Any) -> Json:
    before = [{"role": "user", "content": "Hello"}, {"role": "assistant", "content": "Hello!"}]
    return {
        "messages": [*({"role": "system", "content": s} for s in system), *before, {"role": "user", "content": text}],
        **more,
    }


@pytest.mark.parametrize("question", TEXTS)
@pytest.mark.parametrize("answer", TEXTS)
def test_another_language_is_found_and_the_same_is_not(question: str, answer: str) -> None:
    request, reply = asked(TEXTS[question]), Reply(f"1. {TEXTS[answer]}")
    assert wrong_language.applies(request, reply)
    found = wrong_language.find(request, reply)
    assert found == (None if question == answer else f"{answer} instead of {question}")


@pytest.mark.parametrize(
    "request_",
    [
        asked(TEXTS["de"], "You are kind. Always answer in English, whoever asks."),
        asked("Translate this into English: " + TEXTS["de"]),
        asked("Bitte übersetze mir das: " + TEXTS["de"]),
        asked("Bitte antworten Sie auf Englisch. " + TEXTS["de"]),
        asked(TEXTS["de"], "Mirror the customer's language unless told otherwise."),
    ],
)
def test_who_speaks_of_languages_may_have_wanted_another_one(request_: Json) -> None:
    assert wrong_language.find(request_, Reply(TEXTS["en"])) is None


@pytest.mark.parametrize("system", ["Answer in JSON or in a table.", "Reply in the style of a friend.", ""])
def test_speaking_of_something_else_does_not_hide_it(system: str) -> None:
    assert wrong_language.find(asked(TEXTS["de"], system), Reply(TEXTS["en"])) == "en instead of de"


@pytest.mark.parametrize(
    ("question", "content"),
    [
        ("Wie lange?", TEXTS["en"]),
        (TEXTS["de"], "Three days."),
        (TEXTS["de"], '{"answer": "' + TEXTS["en"] + '"}'),
        (TEXTS["de"], f"```\n{TEXTS['en']}\n```"),
        (f"```\n{TEXTS['de']}\n```", TEXTS["en"]),
        (TEXTS["de"], None),
    ],
)
def test_short_texts_code_and_json_are_left_out(question: str, content: str | None) -> None:
    assert not wrong_language.applies(asked(question), Reply(content))


def test_a_reply_that_must_be_json_is_left_out() -> None:
    assert not wrong_language.applies(asked(TEXTS["de"], response_format={"type": "json_object"}), Reply(TEXTS["en"]))


def test_the_shortcut_by_common_words_never_takes_relatives_for_the_same() -> None:
    for one, other in permutations(TEXTS.values(), 2):
        assert not wrong_language.same_by_common_words(one, other)
    assert wrong_language.same_by_common_words(TEXTS["en"], "It is the first of many that you will have to see, not the last.")
    assert wrong_language.same_by_common_words("the and that you", "with this are for")
    assert not wrong_language.same_by_common_words("the and that you", "with this are")
    assert not wrong_language.same_by_common_words("parcel", "parcel")


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("Kan du fortelle meg hvor lang tid", "no"),  # Norwegian or Danish: together sure
        ("Selamat pagi apa kabar semua teman saya hari ini", "id"),
        ("information service contact email address", None),
        ("Hotel Internet Computer Taxi Radio Restaurant Telefon", None),
    ],
)
def test_a_family_of_languages_is_one_and_an_unclear_text_is_none(text: str, language: str | None) -> None:
    assert wrong_language.language_of(text) == language


@pytest.mark.parametrize(("letters", "is_long"), [(80, True), (79, False)])
def test_eighty_letters_are_long_enough(letters: int, is_long: bool) -> None:
    spread = "ab 12 34 " * (letters // 2) + "a" * (letters % 2)
    for text in ("a" * letters, spread):
        assert wrong_language.applies(asked(TEXTS["de"]), Reply(text)) is is_long


def test_only_so_much_of_the_instructions_is_searched_for_a_language() -> None:
    long = "Be kind. " * 2500
    assert wrong_language.find(asked(TEXTS["de"], "Always answer in English.", long), Reply(TEXTS["en"])) is None
    assert wrong_language.find(asked(TEXTS["de"], long, "Always answer in English."), Reply(TEXTS["en"])) is not None
