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
from codec.quantizer import ResidualQuantizer
from codec.weights import AnyCodec
from training.balancer import Balancer
from training.codebooks import CodebookLearner
from training.compiled import compiled
from training.data import TrainingAudio
from training.discriminators.discriminators import Discriminators
from training.jury import Jury
from training.linear_start import start_linear
from training.losses.reconstruction import ReconstructionLoss
from training.passes import Pass, for_crops, run_pass
from training.prefetch import Prefetch
from training.ranks import ALONE, Ranks
from training.recipe import Recipe


class TrainingError(CodecError):
    """The run cannot go on; the last good checkpoint stays."""


@dataclass(slots=True)
class StepLog:
    """What a step reports: the terms before weighting, and the generator's after it."""

    terms: dict[str, float] = field(default_factory=dict)
    weighted: dict[str, float] = field(default_factory=dict)
    revived: int = 0


class Trainer:
    """Holds everything that a step changes."""

    def __init__(self, recipe: Recipe, codec: AnyCodec, data: TrainingAudio, ranks: Ranks = ALONE) -> None:
        self.recipe = recipe
        self.codec = codec.to(ranks.device)
        self.data = data
        self.ranks = ranks
        self._batches = Prefetch(lambda step: data.batch(step, ranks.rows), recipe.data.workers)
        self.view = for_crops(codec, data.crop_samples, ranks, fast=recipe.compile)
        self.average = {name: p.detach().clone() for name, p in codec.named_parameters()}
        self.codebooks: CodebookLearner | None = None
        if isinstance(codec.quantizer, ResidualQuantizer):
            self.codebooks = CodebookLearner(codec.quantizer, recipe.codebooks)
        self.weights = recipe.losses.weights
        self.loss = ReconstructionLoss(codec.config.sample_rate, self.weights).to(ranks.device)
        if recipe.compile:
            self.loss = compiled(self.loss, ranks.device)
        self.balancer = Balancer()
        self.generator_loss = 0.0
        self.optimiser = _adam(codec, recipe, recipe.optimiser.learning_rate, recipe.optimiser.betas)
        self.judge: Discriminators | None = None
        self.judge_optimiser: torch.optim.Optimizer | None = None
        self.jury: Jury | None = None
        if recipe.discriminator:
            plan = recipe.discriminator
            self.judge = Discriminators(plan).to(ranks.device)
            self.judge_optimiser = _adam(self.judge, recipe, plan.learning_rate, plan.betas)
            heard = compiled(self.judge, ranks.device) if recipe.compile else self.judge
            self.jury = Jury(heard, recipe, ranks, codec.config.channels)
        self.best_distance = math.inf
        self.step = 0

    def start(self) -> None:
        """Before the first step from random weights: the linear start, if the recipe asks for it."""
        if self.recipe.linear_start:
            assert isinstance(self.codec, Codec)
            # All rows on every rank: so all start at the same weights.
            batches = [self.data.batch(_before(i + 1)).audio for i in range(8)]
            start_linear(self.codec, torch.cat(batches).to(self.ranks.device))
            self.adopt_weights()

    @torch.no_grad()
    def adopt_weights(self) -> None:
        """Let the running average begin at the weights as they are."""
        for name, parameter in self.codec.named_parameters():
            self.average[name].copy_(parameter)

    def advance(self) -> StepLog:
        """One step: forward, discriminator phase, generator phase, codebooks, average.

        Raises `TrainingError` if a loss or a gradient is not finite, before it reaches a weight.
        """
        log = StepLog()
        if self.quantizing and self.codebooks and not self.codebooks.started:
            self._start_codebooks(self.codebooks)
        if self.step == self.recipe.freeze_encoder_at:
            self._adopt_average()
        self.codec.encoder.requires_grad_(not self._encoder_frozen())
        self._schedule()
        forward = self._forward()
        if self._judging():
            self._discriminator_phase(forward, log)
        self._generator_phase(forward, log)
        if forward.quantized and self.codebooks:
            log.revived = self.codebooks.update(forward.quantized, self._generator("revival"))
        with torch.no_grad():
            decay = min(self.recipe.average_decay, (1 + self.step) / (10 + self.step))
            for name, parameter in self.codec.named_parameters():
                self.average[name].lerp_(parameter, 1 - decay)
        self.step += 1
        return log

    def _forward(self) -> Pass:
        batch = self._batches.get(self.step).to(self.ranks.device)
        n_q = self._draw_n_q() if self.quantizing else None
        return run_pass(self.view, batch, n_q, self.recipe.bfloat16)

    def _discriminator_phase(self, forward: Pass, log: StepLog) -> None:
        assert self.jury and self.judge and self.judge_optimiser and self.recipe.discriminator
        plan = self.recipe.discriminator
        loss = self.jury.loss(forward)
        log.terms["discriminator"] = float(self.ranks.mean(loss))
        # A loss that is not finite passes, to be found by the update.
        resting = plan.gated and log.terms["discriminator"] <= self.generator_loss
        if not resting:
            self._update("discriminator", self.judge, self.judge_optimiser, loss)
        if plan.gated:
            log.terms["discriminator_steps"] = float(not resting)

    def _generator_phase(self, forward: Pass, log: StepLog) -> None:
        terms = self.loss(forward.target, forward.output)
        if self.jury and self._judging():
            terms |= self.jury.terms(forward)
        heard = list(terms)
        if forward.quantized:
            losses = {"commitment": forward.quantized.commitment, "codebook": forward.quantized.codebook_loss}
            terms |= {n: loss for n, loss in losses.items() if loss is not None and n in self.weights}
        weighted = {name: term.float() * self.weights[name] for name, term in terms.items()}
        loss = torch.stack(list(weighted.values())).sum()
        objective = loss
        if self.recipe.losses.balancer:
            audible = {name: terms[name] for name in heard}
            balanced = self.balancer.gradient(audible, self.weights, forward.output, self._norms_of_all)
            # This product has the balanced gradient; its value means nothing.
            surrogate = (forward.output * balanced).sum()
            objective = torch.stack([surrogate, *(w for n, w in weighted.items() if n not in heard)]).sum()
        self._update("generator", self.codec, self.optimiser, objective)
        log.terms |= self.ranks.means({name: float(term.detach()) for name, term in terms.items()})
        log.weighted = self.ranks.means({name: float(term.detach()) for name, term in weighted.items()})
        log.terms["generator"] = float(self.ranks.mean(loss))
        self.generator_loss = sum(log.weighted[name] for name in heard)

    def _norms_of_all(self, norms: Tensor) -> Tensor:
        """Norms of gradients by one item: a loss is the mean over all ranks' items, not over this one's."""
        return self.ranks.mean(norms) / self.ranks.count

    def _update(self, name: str, module: nn.Module, optimiser: torch.optim.Optimizer, loss: Tensor) -> None:
        self._finite(f"{name} loss", self.ranks.mean(loss))
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        self.ranks.average_gradients(module.parameters())
        # A limit of infinity clips nothing, and still tells whether the gradient is finite.
        norm = clip_grad_norm_(module.parameters(), self.recipe.optimiser.clip_norm or math.inf)
        self._finite(f"norm of the {name}'s gradient", norm)
        optimiser.step()

    def _start_codebooks(self, learner: CodebookLearner) -> None:
        # Not the view of the steps: a pass without gradients would be compiled for this alone.
        view = for_crops(self.codec, self.data.crop_samples, self.ranks)
        vectors: list[Tensor] = []
        offset = 0
        while sum(len(v) for v in vectors) < self.recipe.codebooks.start_vectors:
            batch = self.data.batch(_before(100 + offset), self.ranks.rows).to(self.ranks.device)
            with torch.no_grad():
                latent = run_pass(view, batch, None, bfloat16=False).latent
            vectors.append(self.ranks.gather(latent).flatten(0, 1))
            offset += 1
        learner.start(torch.cat(vectors), len(vectors[0]), self._generator("kmeans"))

    def _schedule(self) -> None:
        plan = self.recipe.optimiser
        share = plan.share(self.step, self.recipe.steps)
        for group in self.optimiser.param_groups:
            group["lr"] = plan.learning_rate * share
        if self.judge_optimiser and self.recipe.discriminator:
            for group in self.judge_optimiser.param_groups:
                group["lr"] = self.recipe.discriminator.learning_rate * share

    def close(self) -> None:
        """End what prepares batches."""
        self._batches.close()

    @property
    def quantizing(self) -> bool:
        """Whether the next pass is quantized; a run that begins with codebooks does not wait."""
        started = self.codebooks is not None and self.codebooks.started
        return started or self.step >= self.recipe.codebooks.start_step

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

    def _draw_n_q(self) -> Tensor:
        """Codebooks of this rank's items."""
        choices = torch.tensor(self.recipe.codebooks.n_q_choices)
        items = self.recipe.data.batch_items
        drawn = torch.randint(len(choices), (items,), generator=self._generator("n_q"))
        return choices[drawn][self.ranks.rows].to(self.ranks.device)

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


def _before(steps: int) -> int:
    """The batch that many steps before the first one; a generator takes no negative seed."""
    return -steps % (1 << 40)


def _adam(
    module: nn.Module, recipe: Recipe, rate: float, betas: tuple[float, float]
) -> torch.optim.Optimizer:
    decay = recipe.optimiser.weight_decay
    return torch.optim.AdamW(module.parameters(), rate, betas=betas, weight_decay=decay)
