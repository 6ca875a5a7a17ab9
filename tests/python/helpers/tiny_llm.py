"""A language model of 0.8 M random parameters as a folder, and a server of it.

As a program, `tiny_llm.py FOLDER TEXT...` makes the folder, in an environment with transformers:
`Engine` runs it there. The tokenizer learns its 2000 tokens from the texts.
"""

import contextlib
import json
import os
import subprocess
import sys
import time
import urllib.request
from dataclasses import dataclass
from pathlib import Path

START_LIMIT_S = 300
STOP_LIMIT_S = 60
CHAT = (
    "{% for message in messages %}{{ message['role'] }}: {{ message['content'] }}\n{% endfor %}"
    "{% if add_generation_prompt %}assistant: {% endif %}"
)


def make_model(folder, texts):
    """Writes tokenizer, chat template and weights into the folder."""
    import torch
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(
        vocab_size=2000, special_tokens=["<s>", "</s>"], initial_alphabet=alphabet
    )
    tokenizer.train_from_iterator(texts, trainer)
    fast = PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, bos_token="<s>", eos_token="</s>", chat_template=CHAT
    )
    fast.save_pretrained(folder)

    torch.manual_seed(1)
    config = LlamaConfig(
        vocab_size=2000,
        hidden_size=128,
        intermediate_size=256,
        num_hidden_layers=2,
        num_attention_heads=2,
        num_key_value_heads=2,
        max_position_embeddings=2048,
        bos_token_id=0,
        eos_token_id=1,
    )
    LlamaForCausalLM(config).save_pretrained(folder)


@dataclass(frozen=True)
class OwnAnswer:
    """What a server says of an answer."""

    text: str
    tokens: int
    prompt_tokens: int


def _own_answer(answer, text):
    usage = answer["usage"]
    return OwnAnswer(text, usage["completion_tokens"], usage["prompt_tokens"])


class Engine:
    """A server of the model in `folder`. `program`: the path of `transformers` or `vllm`."""

    def __init__(self, program, folder, port):
        self.program = Path(program)
        self.folder = Path(folder)
        self.url = f"http://127.0.0.1:{port}/v1"
        self._port = port

    def make_model(self, texts):
        python = self.program.parent / "python"
        subprocess.run([python, __file__, self.folder, *texts], check=True, timeout=START_LIMIT_S)

    @contextlib.contextmanager
    def running(self, log):
        """Serves while in this context; what the server says goes to the file `log`."""
        offline = os.environ | {"HF_HUB_OFFLINE": "1", "VLLM_NO_USAGE_STATS": "1"}
        with Path(log).open("wb") as said:
            process = subprocess.Popen(
                self._command(), stdout=said, stderr=said, stdin=subprocess.DEVNULL, env=offline
            )
            try:
                self._wait(process, log)
                yield self
            finally:
                process.terminate()
                try:
                    process.wait(STOP_LIMIT_S)
                except subprocess.TimeoutExpired:
                    process.kill()
                    process.wait()

    def ask_chat(self, question, max_tokens):
        """The engine's own whole answer, without a stream."""
        messages = [{"role": "user", "content": question}]
        answer = self._post("chat/completions", messages=messages, max_tokens=max_tokens)
        return _own_answer(answer, answer["choices"][0]["message"]["content"])

    def ask_text(self, prompt, max_tokens):
        """The same for a plain completion."""
        answer = self._post("completions", prompt=prompt, max_tokens=max_tokens)
        return _own_answer(answer, answer["choices"][0]["text"])

    def _post(self, api, **body):
        body["model"] = str(self.folder)
        request = urllib.request.Request(
            f"{self.url}/{api}",
            json.dumps(body).encode(),
            {"Content-Type": "application/json"},
        )
        with urllib.request.urlopen(request, timeout=START_LIMIT_S) as answer:
            return json.load(answer)

    def _command(self):
        place = ["--host", "127.0.0.1", "--port", str(self._port)]
        if self.program.name == "transformers":
            return [self.program, "serve", self.folder, *place, "--device", "cpu"]
        # It takes a share of the memory only, compiles nothing, and draws nothing.
        small = ["--gpu-memory-utilization", "0.2", "--max-model-len", "1024", "--enforce-eager"]
        likeliest = ["--override-generation-config", '{"temperature": 0}']
        return [
            self.program,
            "serve",
            self.folder,
            *place,
            "--dtype",
            "float32",
            *small,
            *likeliest,
        ]

    def _wait(self, process, log):
        deadline = time.monotonic() + START_LIMIT_S
        while True:
            try:
                urllib.request.urlopen(f"{self.url}/models", timeout=START_LIMIT_S).close()
                return
            except OSError:
                ended = process.poll()
                assert ended is None, f"the server ended with {ended}:\n{Path(log).read_text()}"
                assert time.monotonic() < deadline, "the server does not come up"
                time.sleep(0.1)


if __name__ == "__main__":
    make_model(sys.argv[1], [Path(text).read_text() for text in sys.argv[2:]])
