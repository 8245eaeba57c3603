//! TODO(planner)
