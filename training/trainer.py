"""The training loop: per step one discriminator phase and one generator phase, both visible here.

Nothing random hides in global state: crops, codebook dropout and revival are functions of (seed, step),
so a run that was interrupted and resumed equals one that was not.
"""

import math
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn
from torch.nn.utils import clip_grad_norm_

from codec.errors import CodecError
from codec.model import Codec
from codec.quantizer import Quantized
from training.codebooks import CodebookLearner
from training.data import AudioFolder
from training.discriminators import Judgement, MultiScaleDiscriminator
from training.linear_start import start_linear
from training.losses import ReconstructionLoss, adversarial_loss, discriminator_loss, feature_loss
from training.recipe import Recipe


class TrainingError(CodecError):
    """The run cannot go on; the last good checkpoint stays."""


@dataclass(frozen=True, slots=True)
class Pass:
    """One forward pass: the crop, what came back (aligned, equally long), and the codes if quantized."""

    target: Tensor
    output: Tensor
    quantized: Quantized | None


@dataclass(slots=True)
class StepLog:
    """What a step reports; terms are before weighting."""

    terms: dict[str, float] = field(default_factory=dict)
    revived: int = 0


class Trainer:
    """Holds everything that a step changes."""

    def __init__(self, recipe: Recipe, codec: Codec, data: AudioFolder) -> None:
        self.recipe = recipe
        self.codec = codec
        self.data = data
        self.average = {name: p.detach().clone() for name, p in codec.named_parameters()}
        self.codebooks = CodebookLearner(codec.quantizer, recipe.codebooks)
        self.loss = ReconstructionLoss(codec.config.sample_rate)
        self.optimiser = _adam(codec, recipe, recipe.optimiser.learning_rate)
        self.judge: MultiScaleDiscriminator | None = None
        self.judge_optimiser: torch.optim.Optimizer | None = None
        if recipe.discriminator:
            self.judge = MultiScaleDiscriminator(recipe.discriminator.n_ffts, recipe.discriminator.filters)
            self.judge_optimiser = _adam(self.judge, recipe, recipe.discriminator.learning_rate)
        frames = math.ceil(recipe.data.crop_seconds * codec.config.frame_rate)
        self.crop_samples = frames * codec.config.hop_samples
        self.step = 0

    def start(self) -> None:
        """Before the first step: the linear start, if the recipe asks for it."""
        if self.recipe.linear_start:
            batches = [self._batch(-1 - i) for i in range(8)]
            start_linear(self.codec, torch.cat(batches))
            for name, parameter in self.codec.named_parameters():
                self.average[name].copy_(parameter)

    def advance(self) -> StepLog:
        """One step: forward, discriminator phase, generator phase, codebooks, average.

        Raises `TrainingError` if a loss or a gradient is not finite, before it reaches a weight.
        """
        log = StepLog()
        if self._quantizing() and not self.codebooks.started:
            self._start_codebooks()
        if self.step == self.recipe.freeze_encoder_at:
            self._adopt_average()
        self._schedule()
        forward = self._forward()
        if self._judging():
            self._discriminator_phase(forward, log)
        self._generator_phase(forward, log)
        if forward.quantized:
            log.revived = self.codebooks.update(forward.quantized, self._generator("revival"))
        with torch.no_grad():
            decay = min(self.recipe.average_decay, (1 + self.step) / (10 + self.step))
            for name, parameter in self.codec.named_parameters():
                self.average[name].lerp_(parameter, 1 - decay)
        self.step += 1
        return log

    def _forward(self) -> Pass:
        target = self._batch(self.step)
        quantized = None
        with torch.set_grad_enabled(not self._encoder_frozen()):
            with torch.autocast("cpu", torch.bfloat16, enabled=self.recipe.bfloat16):
                latent, _ = self.codec.embed(target, self.codec.encoder_state(len(target)))
            if self._quantizing():
                quantized = self.codec.quantizer(latent, self._draw_n_q(len(target)))
                latent = quantized.vectors
        with torch.autocast("cpu", torch.bfloat16, enabled=self.recipe.bfloat16):
            output, _ = self.codec.synthesise(latent, self.codec.decoder_state(len(target)))
        delay = self.codec.config.delay_samples
        return Pass(target[:, 0, :-delay], output[:, 0, delay:], quantized)

    def _discriminator_phase(self, forward: Pass, log: StepLog) -> None:
        assert self.judge and self.judge_optimiser and self.recipe.discriminator
        items = self.recipe.discriminator.items
        with torch.autocast("cpu", torch.bfloat16, enabled=self.recipe.bfloat16):
            real = self.judge(forward.target[:items])
            fake = self.judge(forward.output[:items].detach())
            loss = discriminator_loss(_logits(real), _logits(fake))
        self._update("discriminator", self.judge, self.judge_optimiser, loss)
        log.terms["discriminator"] = float(loss.detach())

    def _generator_phase(self, forward: Pass, log: StepLog) -> None:
        terms = self.loss(forward.target, forward.output)
        if forward.quantized:
            terms["commitment"] = forward.quantized.commitment
        if self._judging():
            assert self.judge and self.recipe.discriminator
            items = self.recipe.discriminator.items
            with torch.autocast("cpu", torch.bfloat16, enabled=self.recipe.bfloat16):
                with torch.no_grad():
                    real = self.judge(forward.target[:items])
                fake = self.judge(forward.output[:items])
                terms["adversarial"] = adversarial_loss(_logits(fake))
                terms["features"] = feature_loss([j.features for j in real], [j.features for j in fake])
        weights = self.recipe.losses.model_dump()
        loss = torch.stack([term.float() * weights[name] for name, term in terms.items()]).sum()
        self._update("generator", self.codec, self.optimiser, loss)
        log.terms |= {name: float(term.detach()) for name, term in terms.items()}
        log.terms["generator"] = float(loss.detach())

    def _update(self, name: str, module: nn.Module, optimiser: torch.optim.Optimizer, loss: Tensor) -> None:
        self._finite(f"{name} loss", loss)
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        norm = clip_grad_norm_(module.parameters(), self.recipe.optimiser.clip_norm)
        self._finite(f"norm of the {name}'s gradient", norm)
        optimiser.step()

    def _start_codebooks(self) -> None:
        vectors: list[Tensor] = []
        offset = 0
        while sum(len(v) for v in vectors) < self.recipe.codebooks.start_vectors:
            audio = self._batch(-100 - offset)
            with torch.no_grad():
                latent, _ = self.codec.embed(audio, self.codec.encoder_state(len(audio)))
            vectors.append(latent.flatten(0, 1))
            offset += 1
        self.codebooks.start(torch.cat(vectors), len(vectors[0]), self._generator("kmeans"))

    def _schedule(self) -> None:
        plan = self.recipe.optimiser
        warm = min(1.0, (self.step + 1) / plan.warmup_steps)
        cosine = 0.5 * (1 + math.cos(math.pi * self.step / self.recipe.steps))
        share = warm * (plan.final_share + (1 - plan.final_share) * cosine)
        for group in self.optimiser.param_groups:
            group["lr"] = plan.learning_rate * share
        if self.judge_optimiser and self.recipe.discriminator:
            for group in self.judge_optimiser.param_groups:
                group["lr"] = self.recipe.discriminator.learning_rate * share

    def _quantizing(self) -> bool:
        return self.step >= self.recipe.codebooks.start_step

    def _judging(self) -> bool:
        plan = self.recipe.discriminator
        return plan is not None and self.step >= plan.start_step

    @torch.no_grad()
    def _adopt_average(self) -> None:
        for name, parameter in self.codec.named_parameters():
            parameter.copy_(self.average[name])

    def _encoder_frozen(self) -> bool:
        start = self.recipe.freeze_encoder_at
        return start is not None and self.step >= start

    def _batch(self, step: int) -> Tensor:
        # Steps before 0 are batches for the linear and the k-means start; a generator takes no negative seed.
        return self.data.batch(self.recipe.data, self.crop_samples, self.recipe.seed, step % (1 << 40))

    def _draw_n_q(self, items: int) -> Tensor:
        choices = torch.tensor(self.recipe.codebooks.n_q_choices)
        drawn = torch.randint(len(choices), (items,), generator=self._generator("n_q"))
        return choices[drawn]

    def _generator(self, purpose: str) -> torch.Generator:
        salt = sum(purpose.encode()) << 48
        return torch.Generator().manual_seed(salt + (self.recipe.seed << 40) + self.step)

    def _finite(self, name: str, value: Tensor) -> None:
        if not torch.isfinite(value):
            found = float(value.detach())
            raise TrainingError(
                f"the {name} is {found} at step {self.step}; the last checkpoint is sound, "
                "go on from it with a lower optimiser.learning_rate"
            )


def _adam(module: nn.Module, recipe: Recipe, rate: float) -> torch.optim.Optimizer:
    plan = recipe.optimiser
    return torch.optim.AdamW(module.parameters(), rate, betas=plan.betas, weight_decay=plan.weight_decay)


def _logits(judgements: list[Judgement]) -> list[Tensor]:
    return [judgement.logits for judgement in judgements]
