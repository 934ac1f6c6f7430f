//! What customers live through.
