//! Tables put into site files: told ones, and random ones against a model that knows nothing of texts.

use super::*;
