"""Handing over: what a conversation did and still has to do, written from the store without a model."""
