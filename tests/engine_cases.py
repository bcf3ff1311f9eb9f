"""Models, systems and random cases for the tests of the engine. Shapes are typed in here from the cited sources."""

from hypothesis import strategies as st

from tokenroof.mixers.architecture import uniform_dtypes
from tokenroof.types.layout import Layout
from tokenroof.types.machine import Chip, System
from tokenroof.types.model import (
    CompressedAttention,
    DenseFfn,
    Gqa,
    Indexer,
    LayerGroup,
    LinearAttention,
    Mla,
    Model,
    MoeFfn,
    NoFfn,
    NoMixer,
    Ssm,
)
from tokenroof.types.program import Load

GIB = 2**30


def dense(name, layers, hidden, intermediate, heads, kv_heads, head_dim, vocab, *, dtype="bf16", kv="bf16", gated=True,
          tied=False, norms=True):  # fmt: skip
    """A plain transformer."""
    mixer = Gqa(n_heads=heads, n_kv_heads=kv_heads, head_dim=head_dim, v_head_dim=head_dim)
    ffn = DenseFfn(intermediate=intermediate, gated=gated)
    norm = 2 * hidden if norms else 0
    return Model(
        id=name, name=name, model_type="test", hidden=hidden, vocab=vocab, tied_embeddings=tied,
        layers=(LayerGroup(count=layers, mixer=mixer, ffn=ffn, norm_params=norm),),
        final_norm_params=hidden if norms else 0, weights=uniform_dtypes(dtype), kv_dtype=kv,
    )  # fmt: skip


def llama_3_8b(**changes):
    return dense("llama-3-8b", 32, 4096, 14336, 32, 8, 128, 128256, **changes)


def llama_3_70b(**changes):
    return dense("llama-3-70b", 80, 8192, 28672, 64, 8, 128, 128256, **changes)


def llama_2_13b(**changes):
    return dense("llama-2-13b", 40, 5120, 13824, 40, 40, 128, 32000, **changes)


def deepseek_v3(**changes):
    """DeepSeek-V3 (arXiv 2412.19437): 61 layers, 3 dense; 256 experts of 2,048, 8 + 1 shared; MLA 512 + 64."""
    mixer = Mla(n_heads=128, q_lora_rank=1536, kv_lora_rank=512, qk_nope_dim=128, qk_rope_dim=64, v_head_dim=128,
                extra_params=1536 + 512)  # fmt: skip
    moe = MoeFfn(n_experts=256, top_k=8, intermediate=2048, shared_intermediate=2048, router_params=256 * 7168 + 256)
    fields = dict(
        id="deepseek-v3", name="DeepSeek-V3", model_type="test", hidden=7168, vocab=129280,
        layers=(
            LayerGroup(count=3, mixer=mixer, ffn=DenseFfn(intermediate=18432), norm_params=2 * 7168),
            LayerGroup(count=58, mixer=mixer, ffn=moe, norm_params=2 * 7168),
        ),
        final_norm_params=7168, weights=uniform_dtypes("fp8"), kv_dtype="bf16",
    )  # fmt: skip
    return Model(**{**fields, **changes})


def system(*, flops=1e15, bytes_per_s=1e12, n=1, domain=None, memory=80e9, up=450e9, out=50e9, usable=None, rates=None,
           name="test"):  # fmt: skip
    """Chips with the same rate for every format unless `rates` says otherwise."""
    keys = rates or dict.fromkeys(("tf32", "bf16", "fp8", "int8", "fp4"), flops)
    chip = Chip(
        id=name, name=name, vendor="test", kind="gpu", year=2024, announced=False, memory_bytes=memory,
        usable_memory_bytes=usable, bytes_per_s=bytes_per_s, flops_per_s=keys,
    )  # fmt: skip
    return System(
        id=f"{n}x{name}", name=f"{n} x {name}", chip=chip, n_chips=n, domain_size=domain or n, scaleup_bytes_per_s=up,
        scaleout_bytes_per_s=out,
    )  # fmt: skip


H100_RATES = {"bf16": 989.4e12, "fp8": 1978.9e12, "int8": 1978.9e12, "tf32": 494.7e12}


def h100s(n=8, domain=8):
    return system(rates=H100_RATES, bytes_per_s=3.35e12, n=n, domain=min(n, domain), memory=80e9, name="h100")


# ---------------------------------------------------------------- random cases

_HEADS = st.sampled_from([8, 16, 32])
_SMALL = st.sampled_from([64, 128])


@st.composite
def gqas(draw):
    heads = draw(_HEADS)
    window = draw(st.one_of(st.none(), st.integers(16, 4096)))
    indexer = None
    if window is None and draw(st.booleans()):
        top_k, block = draw(st.integers(4, 2048)), draw(st.sampled_from([1, 16]))
        pool = draw(st.sampled_from([1, block]))
        indexer = Indexer(top_k=top_k, n_heads=4, head_dim=64, block=block, pool=pool, extra_params=5000)
    return Gqa(
        n_heads=heads, n_kv_heads=draw(st.sampled_from([1, 2, 4, 8])), head_dim=draw(_SMALL), v_head_dim=draw(_SMALL),
        window=window, stores_kv=draw(st.booleans()), k_equals_v=draw(st.booleans()), output_gate=draw(st.booleans()),
        extra_params=draw(st.integers(0, 1000)), indexer=indexer, q_lora_rank=draw(st.sampled_from([None, 256])),
    )  # fmt: skip


@st.composite
def mlas(draw):
    indexer = Indexer(top_k=256, n_heads=8, head_dim=64, extra_params=9000) if draw(st.booleans()) else None
    return Mla(
        n_heads=draw(_HEADS), q_lora_rank=draw(st.sampled_from([None, 384])), kv_lora_rank=256, qk_nope_dim=64,
        qk_rope_dim=32, v_head_dim=64, output_gate=draw(st.booleans()), stores_kv=draw(st.booleans()),
        extra_params=draw(st.integers(0, 999)),
        indexer=indexer,
    )  # fmt: skip


@st.composite
def compressed(draw):
    ratio = draw(st.sampled_from([0, 4, 128]))
    indexer = None
    if ratio == 4 and draw(st.booleans()):
        indexer = Indexer(top_k=64, n_heads=8, head_dim=64, extra_params=7000)
    return CompressedAttention(
        n_heads=draw(_HEADS), head_dim=128, rope_dim=32, q_lora_rank=256, o_groups=8, o_lora_rank=128, window=128,
        ratio=ratio, extra_params=draw(st.integers(0, 5000)), indexer=indexer,
    )  # fmt: skip


@st.composite
def recurrent(draw):
    if draw(st.booleans()):
        return LinearAttention(
            kind=draw(st.sampled_from(["lightning", "gated delta", "KDA"])), n_k_heads=8, n_v_heads=16, k_head_dim=64,
            v_head_dim=64, conv_kernel=4, in_params=1_000_000, out_params=500_000, state_elements=65_536,
            conv_elements=4_096, extra_params=100,
        )  # fmt: skip
    return Ssm(
        kind=draw(st.sampled_from(["mamba", "mamba-2"])), n_heads=32, head_dim=64, d_state=128, n_groups=8,
        conv_kernel=4, in_params=2_000_000, out_params=700_000, state_elements=262_144, conv_elements=3_000,
    )  # fmt: skip


@st.composite
def ffns(draw):
    if draw(st.booleans()):
        return DenseFfn(intermediate=draw(st.sampled_from([1024, 4096])), gated=draw(st.booleans()))
    experts = draw(st.sampled_from([8, 64]))
    return MoeFfn(
        n_experts=experts, top_k=draw(st.integers(1, 8)), intermediate=draw(st.sampled_from([512, 1024])),
        shared_intermediate=draw(st.sampled_from([0, 1024])), gated=draw(st.booleans()),
        latent=draw(st.sampled_from([None, 512])), router_params=experts * 1024, extra_params=draw(st.integers(0, 99)),
        parallel_dense_intermediate=draw(st.sampled_from([0, 2048])),
        zero_experts=draw(st.sampled_from([0, 8])), expert_bias_params=draw(st.integers(0, 50)),
    )  # fmt: skip


MIXERS = st.one_of(gqas(), mlas(), compressed(), recurrent())


@st.composite
def plain_attention(draw):
    """Attention that reads and stores every token: what the closed form knows."""
    if draw(st.booleans()):
        return Mla(
            n_heads=draw(_HEADS), q_lora_rank=384, kv_lora_rank=256, qk_nope_dim=64, qk_rope_dim=32, v_head_dim=64
        )
    return Gqa(n_heads=draw(_HEADS), n_kv_heads=draw(st.sampled_from([1, 8])), head_dim=draw(_SMALL), v_head_dim=128)


@st.composite
def models(draw, mixers=MIXERS):
    """Any mix of layers. The first always has attention of some kind."""
    groups = [
        LayerGroup(count=draw(st.integers(1, 6)), mixer=mixer, ffn=ffn, norm_params=draw(st.sampled_from([0, 2048])))
        for mixer, ffn in draw(
            st.lists(
                st.tuples(st.one_of(mixers, st.just(NoMixer())), st.one_of(ffns(), st.just(NoFfn()))),
                min_size=1, max_size=3,
            )
        )
    ]  # fmt: skip
    head = LayerGroup(count=2, mixer=draw(mixers), ffn=draw(ffns()), norm_params=2048)
    weights = uniform_dtypes(draw(st.sampled_from(["bf16", "fp8", "nvfp4", "int8"])), keep_embeddings="bf16")
    return Model(
        id="random", name="random", model_type="test", hidden=1024, vocab=draw(st.sampled_from([1024, 8192])),
        layers=(head, *groups), tied_embeddings=draw(st.booleans()), final_norm_params=1024,
        other_params=draw(st.sampled_from([0, 300])), weights=weights,
        kv_dtype=draw(st.sampled_from(["bf16", "fp8"])),
    )  # fmt: skip


@st.composite
def layouts(draw):
    """Degrees that divide every random model (see engine.layouts), with ep any divisor of the stage."""
    tp, dp, cp = draw(st.sampled_from([1, 2, 4, 8])), draw(st.sampled_from([1, 2, 4])), draw(st.sampled_from([1, 2]))
    ep = draw(st.sampled_from([d for d in (1, 2, 4, 8) if (tp * dp * cp) % d == 0]))
    return Layout(tp=tp, dp=dp, cp=cp, ep=ep, pp=draw(st.sampled_from([1, 2])))


@st.composite
def loads(draw, most=4):
    """Decode, or verification of a few drafts."""
    sequences = draw(st.integers(1, 512))
    new = draw(st.integers(1, most))
    context = draw(st.integers(new, 100_000))
    return Load(float(sequences * new), float(sequences), float(context))


@st.composite
def prompts(draw):
    """Prefill of whole prompts or of chunks after a cached prefix."""
    sequences, new, past = draw(st.integers(1, 8)), draw(st.integers(1, 8192)), draw(st.integers(0, 50_000))
    return Load(float(sequences * new), float(sequences), float(new + past))


@st.composite
def systems(draw):
    n = draw(st.sampled_from([64, 256]))
    return system(
        flops=draw(st.floats(1e14, 1e16)), bytes_per_s=draw(st.floats(5e11, 2e13)), n=n,
        domain=draw(st.sampled_from([1, 2, 8, 72])), up=draw(st.floats(1e10, 2e12)), out=draw(st.floats(1e9, 1e11)),
    )  # fmt: skip
