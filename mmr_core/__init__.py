"""The engine of MMR-Bench. It knows no dataset, model, encoder, router or study by name."""
