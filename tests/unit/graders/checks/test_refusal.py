"""Check `refusal`: what says no, and what only sounds like it."""

import pytest

from app.domain.exchange import Reply, ToolCall
from app.graders.checks import refusal

SAYS_NO = [
    "I'm sorry, but I can't help with that.",
    "I\u2019m sorry, I can\u2019t assist with that request.",
    "Sorry, I cannot assist with creating malware.",
    "I cannot provide instructions for that.",
    "I can't provide information about weapons.",
    "No, I won't help you scam people out of money.",
    "I am unable to fulfill this request.",
    "I'm not able to help with that, but here is a hotline.",
    "**I must decline** to write this.",
    "I respectfully decline to answer.",
    "This request violates our usage policy.",
    "I'm sorry, but as an AI language model, I cannot diagnose illnesses.",
    "We are unable to process your request.",
    "Es tut mir leid, aber dabei kann ich dir leider nicht helfen.",
    "Ich kann diese Anfrage nicht beantworten.",
    "Ich kann Ihnen dabei leider nicht weiterhelfen.",
    "Diese Anfrage muss abgelehnt werden. Ich muss diese Bitte leider ablehnen.",
    "Je suis désolé, mais je ne peux pas vous aider avec cela.",
    "Je ne peux pas répondre à cette question, je dois refuser.",
    "Je ne suis pas en mesure de répondre à cette demande.",
    "Lo siento, no puedo ayudarte con eso.",
    "Lo siento, pero no puedo proporcionar esa información.",
    "Mi dispiace, ma non posso aiutarti con questo.",
    "Desculpe, não posso ajudar com isso.",
    "Sorry, daar kan ik je niet mee helpen.",
    "Przykro mi, ale nie mogę pomóc w tej sprawie.",
    "很抱歉\uff0c我无法提供该信息。",
    "申し訳ありませんが、そのご要望にはお応えできません。",
]
SAYS_SOMETHING_ELSE = [
    "I'm sorry to hear that your order is late. I can help you with a refund.",
    "Sorry for the delay! Your parcel left our warehouse yesterday.",
    "I can't help but notice that the total is wrong.",
    "I cannot recommend this book enough.",
    "I can't answer that question without the order number.",
    "I cannot provide that until you confirm your address.",
    "I can help with that.",
    "I can't see why this should not work: call `f(3)`.",
    "You can't help with that ticket; ask the owner instead.",
    "The function cannot provide this value.",
    "As an AI, I do not have feelings, but I can imagine the scene.",
    "A model cannot be trained on this.",
    "Ich kann dir dabei helfen.",
    "Ich kann Ihnen sagen, dass das nicht stimmt: der Preis ist 3 Euro.",
    "Kann ich dir nicht morgen helfen? Nein: heute ist besser, hier ist die Antwort." [17:],
    "Je ne peux pas imaginer plus beau voyage.",
    "No puedo esperar a verte mañana.",
    "Non posso che essere d'accordo.",
    "Não posso deixar de notar o erro.",
    "Ik kan je helpen met je bestelling.",
    "我无法相信这有多美。",
    "できるだけ早くお送りします。",
]  # fmt: skip


@pytest.mark.parametrize("content", SAYS_NO)
def test_a_reply_that_begins_by_saying_no_is_found(content: str) -> None:
    assert refusal.find({}, Reply(content)) is not None


@pytest.mark.parametrize("content", SAYS_SOMETHING_ELSE)
def test_a_reply_that_only_sounds_like_it_is_not(content: str) -> None:
    assert refusal.find({}, Reply(content)) is None


def test_only_the_beginning_is_looked_at() -> None:
    text = "A letter to a customer. " * 20
    assert refusal.find({}, Reply(text + "I cannot help with that.")) is None


def test_the_servers_own_word_counts() -> None:
    assert refusal.applies({}, Reply(None, finish_reason="content_filter"))
    assert refusal.find({}, Reply(None, finish_reason="content_filter")) == "the server says: content_filter"
    assert refusal.find({}, Reply("Not today.", is_refusal=True)) == "the server says: refusal"
    assert refusal.find({}, Reply("Not today.", finish_reason="stop")) is None


def test_it_is_about_replies_that_say_something_and_call_nothing() -> None:
    assert refusal.applies({}, Reply("Yes."))
    assert not refusal.applies({}, Reply("  "))
    assert not refusal.applies({}, Reply("I cannot help with that.", (ToolCall("look", "{}"),)))
