//! What the tests share: API keys and rosters, made and read without the code under test.

pub(crate) mod api_key;
pub(crate) mod roster;
