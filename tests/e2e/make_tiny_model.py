"""Writes a tiny random Llama with its tokenizer and chat template; runs in the foreign server's own environment.

The rows of the output layer are zero but for letters and the space, so that random weights give readable text.
"""

import sys
from pathlib import Path

import torch  # type: ignore[import-not-found]
from tokenizers import (  # type: ignore[import-not-found]
    Tokenizer,
    decoders,
    models,
    pre_tokenizers,
    trainers,
)
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast  # type: ignore[import-not-found]

CHAT_TEMPLATE = "{% for m in messages %}{{ m['role'] + ': ' + m['content'] + '\n' }}{% endfor %}assistant: "
CORPUS = ["the quick brown fox jumps over the lazy dog", "system user assistant question answer letters and words"] * 20


def main(folder: Path) -> None:
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    special = ["<s>", "</s>"]
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    tokenizer.train_from_iterator(
        CORPUS, trainers.BpeTrainer(vocab_size=400, special_tokens=special, initial_alphabet=alphabet)
    )
    fast = PreTrainedTokenizerFast(tokenizer_object=tokenizer, bos_token="<s>", eos_token="</s>", pad_token="</s>")
    fast.chat_template = CHAT_TEMPLATE
    fast.save_pretrained(folder)
    torch.manual_seed(7)
    model = LlamaForCausalLM(
        LlamaConfig(
            vocab_size=len(fast), hidden_size=64, intermediate_size=128, num_hidden_layers=2, num_attention_heads=4,
            num_key_value_heads=4, max_position_embeddings=512, bos_token_id=fast.bos_token_id,
            eos_token_id=fast.eos_token_id, pad_token_id=fast.pad_token_id, tie_word_embeddings=False,
        )
    )  # fmt: skip
    readable = [
        number
        for text, number in fast.get_vocab().items()
        if text == "Ġ" or (len(text) == 1 and text.isascii() and text.islower())
    ]
    with torch.no_grad():
        kept = model.lm_head.weight[readable].clone() * 200
        model.lm_head.weight.zero_()
        model.lm_head.weight[readable] = kept
    model.save_pretrained(folder)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
