//! A strict parser of the Prometheus text format 0.0.4.

use std::collections::{BTreeMap, BTreeSet};

/// The metrics of one scrape.
#[derive(Debug)]
pub(crate) struct Scrape {
    /// By family: its type, and its samples in order.
    families: BTreeMap<String, (String, Vec<Sample>)>,
}

#[derive(Debug)]
struct Sample {
    name: String,
    labels: BTreeMap<String, String>,
    value: f64,
}

impl Scrape {
    /// Parses a scrape; fails the test if Prometheus might reject it.
    pub(crate) fn parse(text: &str) -> Self {
        assert!(text.ends_with('\n'), "the last line is not terminated");
        let mut families: BTreeMap<String, (String, Vec<Sample>)> = BTreeMap::new();
        let mut lines = text.lines();
        let mut current = String::new();
        while let Some(line) = lines.next() {
            if let Some(help) = line.strip_prefix("# HELP ") {
                let (name, help) = help.split_once(' ').expect("a text");
                assert!(help.len() > 10 && help.ends_with('.'), "{line}");
                let kind = lines.next().and_then(|line| line.strip_prefix("# TYPE "));
                let (named, kind) = kind.and_then(|kind| kind.split_once(' ')).expect("a type");
                assert_eq!(named, name, "{line}");
                current = name.to_owned();
                let new = families.insert(current.clone(), (kind.to_owned(), Vec::new()));
                assert!(new.is_none(), "{name} is declared twice");
            } else {
                let sample = Sample::parse(line);
                let (kind, samples) = families.get_mut(&current).expect("a family before samples");
                assert!(sample.belongs_to(&current, kind), "{line} after {current} {kind}");
                samples.push(sample);
            }
        }
        let scrape = Self { families };
        scrape.inspect();
        scrape
    }

    /// The value of the one series with this name and all of these labels.
    pub(crate) fn value(&self, name: &str, labels: &[(&str, &str)]) -> Option<f64> {
        let has = |sample: &&Sample| {
            sample.name == name
                && labels.iter().all(|(label, value)| sample.labels[*label] == *value)
        };
        let found: Vec<_> = self.samples().filter(has).collect();
        assert!(found.len() < 2, "{name} {labels:?} is {found:?}");
        found.first().map(|sample| sample.value)
    }

    /// The number of series of this name.
    pub(crate) fn count(&self, name: &str) -> usize {
        self.samples().filter(|sample| sample.name == name).count()
    }

    /// All values of this label.
    pub(crate) fn label(&self, label: &str) -> BTreeSet<&str> {
        self.samples().filter_map(|sample| sample.labels.get(label)).map(String::as_str).collect()
    }

    /// Fails if a counter is smaller than in an earlier scrape, or missing.
    pub(crate) fn assert_not_behind(&self, earlier: &Self) {
        for (name, (kind, samples)) in &earlier.families {
            for before in samples.iter().filter(|_| kind != "gauge") {
                let labels: Vec<_> =
                    before.labels.iter().map(|(label, value)| (&**label, &**value)).collect();
                let now = self.value(&before.name, &labels);
                assert!(
                    now.is_some_and(|now| now >= before.value),
                    "{name}: {before:?}, now {now:?}"
                );
            }
        }
    }

    fn samples(&self) -> impl Iterator<Item = &Sample> {
        self.families.values().flat_map(|(_, samples)| samples)
    }

    fn inspect(&self) {
        let mut series = BTreeSet::new();
        for sample in self.samples() {
            assert!(series.insert((&sample.name, &sample.labels)), "twice: {sample:?}");
        }
        for (name, (kind, samples)) in &self.families {
            let word = |c: char| c.is_ascii_lowercase() || c == '_';
            assert!(name.starts_with("hallpass_") && name.chars().all(word), "{name}");
            assert!(!samples.is_empty(), "{name} has no samples");
            assert_eq!(kind == "counter", name.ends_with("_total"), "{name} is a {kind}");
            match kind.as_str() {
                "counter" => assert!(samples.iter().all(|sample| sample.value >= 0.0), "{name}"),
                "histogram" => inspect_histogram(name, samples),
                kind => assert_eq!(kind, "gauge", "{name}"),
            }
        }
    }
}

/// Buckets are in order and cumulative, and the last one counts everything.
fn inspect_histogram(name: &str, samples: &[Sample]) {
    let mut histograms: BTreeMap<_, Vec<(f64, f64)>> = BTreeMap::new();
    for sample in samples.iter().filter(|sample| sample.name.ends_with("_bucket")) {
        let mut labels = sample.labels.clone();
        let bound = labels.remove("le").expect("a bound").parse().expect("a number");
        histograms.entry(labels).or_default().push((bound, sample.value));
    }
    for (labels, buckets) in &histograms {
        let grows = |pair: &[(f64, f64)]| pair[0].0 < pair[1].0 && pair[0].1 <= pair[1].1;
        assert!(buckets.windows(2).all(grows), "{name} {labels:?}: {buckets:?}");
        let of = |end: &str| {
            let name = format!("{name}_{end}");
            let found = samples.iter().find(|one| one.name == name && one.labels == *labels);
            found.unwrap_or_else(|| panic!("{name} {labels:?} is missing")).value
        };
        assert_eq!(buckets.last(), Some(&(f64::INFINITY, of("count"))), "{name} {labels:?}");
        assert_eq!(of("sum") > 0.0, of("count") > 0.0, "{name} {labels:?}");
    }
    assert_eq!(samples.len(), histograms.values().map(|buckets| buckets.len() + 2).sum::<usize>());
}

impl Sample {
    fn parse(line: &str) -> Self {
        let (series, value) = line.rsplit_once(' ').unwrap_or_else(|| panic!("no value: {line}"));
        let (name, labels) = match series.split_once('{') {
            None => (series, BTreeMap::new()),
            Some((name, rest)) => (name, labels(rest.strip_suffix('}').expect("a }"))),
        };
        let value = value.parse().unwrap_or_else(|_| panic!("no number: {line}"));
        Self { name: name.to_owned(), labels, value }
    }

    fn belongs_to(&self, family: &str, kind: &str) -> bool {
        let ends: &[&str] =
            if kind == "histogram" { &["_bucket", "_sum", "_count"] } else { &[""] };
        let end = self.name.strip_prefix(family);
        end.is_some_and(|end| ends.contains(&end))
    }
}

/// Parses `a="b",c="d"`; in values `\`, `"` and line ends are escaped.
fn labels(mut text: &str) -> BTreeMap<String, String> {
    let mut labels = BTreeMap::new();
    while !text.is_empty() {
        let (name, rest) = text.split_once("=\"").expect("a label");
        assert!(name.chars().all(|c| c.is_ascii_lowercase() || c == '_'), "{name}");
        let mut value = String::new();
        let mut chars = rest.chars();
        loop {
            match chars.next().expect("a value that ends") {
                '"' => break,
                '\\' => value.push(match chars.next() {
                    Some('n') => '\n',
                    Some(c @ ('\\' | '"')) => c,
                    other => panic!("an unknown escape: {other:?}"),
                }),
                c => value.push(c),
            }
        }
        assert!(labels.insert(name.to_owned(), value).is_none(), "{name} is there twice");
        text = chars.as_str();
        text = text.strip_prefix(',').unwrap_or(text);
    }
    labels
}
