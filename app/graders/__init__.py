"""Logic that scores a pair: deterministic graders and the pairwise judge."""
