//! Pages: text to values and notes. Pure.
