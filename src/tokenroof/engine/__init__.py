"""From a model, a layout and a system to the time and memory of a forward pass.

lower(model, layout) -> Program    rows of counts per GPU        engine.lower, engine.mixers
step(program, system, ...)         seconds under a named rule    engine.timing, engine.networks
fit(program, system, ...)          bytes per GPU, largest batch  engine.memory
"""
