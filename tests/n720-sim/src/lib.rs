//! A simulated N720 DECT manager.
