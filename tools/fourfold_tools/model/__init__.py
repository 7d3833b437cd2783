"""The words of fourfold as types: requests, outputs, results, effects."""
