"""How reliably each rule of the verdict speaks: provoked on real runs, and silent on clean ones."""
