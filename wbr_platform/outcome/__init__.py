"""Survival and response models and the ledger of everything tried."""
