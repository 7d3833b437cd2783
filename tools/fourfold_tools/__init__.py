"""What fourfold does, without the wire: one module per tool on top, the engine, the ops and the model below."""
