"""64 short English texts that a toxicity model must tell apart: its self-test. None holds a slur."""

from __future__ import annotations

from inference.selftest import Order, SelfTest

HARMLESS = (
    "The meeting starts at ten in the blue room.",
    "Thank you for your help with the garden.",
    "What is the capital of France?",
    "The train to Berlin leaves from platform four.",
    "I would like to book a table for two.",
    "She wrote a letter to her grandmother.",
    "The soup needs a little more salt.",
    "Our team finished the report on Friday.",
    "Can you send me the invoice for March?",
    "The children are playing in the park.",
    "It rained all day, so we stayed at home.",
    "He plays the piano every evening.",
    "The library opens at nine o'clock.",
    "I agree with the second proposal.",
    "Please find the minutes of the meeting attached.",
    "The new bridge will open next spring.",
    "We had a lovely dinner with our neighbours.",
    "The price of bread has risen by three percent.",
    "My sister lives near the sea.",
    "This book explains how plants grow.",
    "The museum is closed on Mondays.",
    "I am looking for a quiet place to read.",
    "The doctor said that I should rest.",
    "Two plus two is four.",
    "They walked along the river until sunset.",
    "Could you turn the music down, please?",
    "The update fixes a problem with the printer.",
    "We planted tomatoes and beans this year.",
    "The film was longer than I expected.",
    "Good morning, how are you today?",
    "The bus was late again, but I caught it.",
    "Happy birthday to you and your family!",
    "The committee will vote on the budget tomorrow.",
    "I learned to swim when I was six.",
    "The recipe asks for two eggs and some milk.",
    "Her flight arrives at noon.",
    "The students asked many good questions.",
    "We are grateful for your patience.",
    "The window faces the old market square.",
    "He found his keys under the sofa.",
    "The weather will be warm and dry.",
    "I respect your opinion, though mine differs.",
    "The shop sells paper, pens and maps.",
    "Let us meet again next week.",
)
RUDE = (
    "You are an idiot.",
    "Shut up, you stupid fool.",
    "What a pathetic loser you are.",
    "You are a stupid liar and a coward.",
    "Only a moron would believe this garbage.",
    "Go to hell, you idiot.",
    "You are so dumb and ugly.",
    "This is crap and you are a fool.",
    "You disgusting, ignorant clown.",
    "Nobody likes you, you pathetic idiot.",
    "You damn hypocrite, shut your mouth.",
    "What an arrogant, stupid jerk.",
    "You are a worthless piece of trash.",
    "Stupid people like you ruin everything.",
    "Are you stupid or just ignorant?",
    "You are a lying, stupid scumbag.",
    "Get lost, you ridiculous idiot.",
    "How dumb can you be, moron?",
    "You sound like a complete imbecile.",
    "Your stupid ideas make me sick, loser.",
)
TEXTS = HARMLESS + RUDE


def toxicity_selftest(probabilities: list[list[float]]) -> SelfTest:
    """The self-test of a model that scored the texts so, in their order, in the order of its classes."""
    order = Order(
        class_name="toxicity",
        higher=tuple(range(len(HARMLESS), len(TEXTS))),
        lower=tuple(range(len(HARMLESS))),
    )
    return SelfTest(inputs={"text": list(TEXTS)}, outputs={"probabilities": probabilities}, order=order)
