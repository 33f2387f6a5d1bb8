//! What of an application's router is public without being an operation of its document.

use actix_web::dev::ResourceDef;

/// Public patterns of the router, and whether its fallback is public.
#[derive(Debug, Clone, Default)]
pub(crate) struct PublicPlaces {
    patterns: Vec<String>,
    pub(crate) has_fallback: bool,
}

impl PublicPlaces {
    /// `pattern` is written as it was registered; `Files::new` takes a slash from its end.
    pub(crate) fn add(&mut self, pattern: &str) {
        self.patterns.push(pattern.to_owned());
    }

    /// Whether a pattern of the router is public; none is that of the fallback.
    pub(crate) fn has(&self, pattern: Option<&str>) -> bool {
        match pattern {
            Some(pattern) => self.patterns.iter().any(|public| is_named(public, pattern)),
            None => self.has_fallback,
        }
    }

    /// Whether the start page may be one of the application's.
    pub(crate) fn may_have_start(&self) -> bool {
        let takes_start = |pattern: &String| {
            pattern.is_empty() || ResourceDef::new(pattern.as_str()).is_match("/")
        };
        self.has_fallback || self.patterns.iter().any(takes_start)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.patterns.is_empty() && !self.has_fallback
    }

    /// The patterns that a router does not have.
    pub(crate) fn missing_in<'s>(&'s self, router: &[&str]) -> impl Iterator<Item = &'s str> {
        let is_there = |public: &str| router.iter().any(|pattern| is_named(public, pattern));
        self.patterns.iter().map(String::as_str).filter(move |public| !is_there(public))
    }
}

fn is_named(public: &str, pattern: &str) -> bool {
    public == pattern || public.strip_suffix('/') == Some(pattern)
}
