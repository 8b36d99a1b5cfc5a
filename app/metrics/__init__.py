"""Prometheus metrics: shared by all processes of a machine, and what each process says of itself."""

from app.metrics.sharing import empty_folder, exposition, fold_own_host, forget_process, share_metrics

__all__ = ["empty_folder", "exposition", "fold_own_host", "forget_process", "share_metrics"]
