"""Whether a lead may be called now, and by which rule not: pure decisions over dated rule packs."""
