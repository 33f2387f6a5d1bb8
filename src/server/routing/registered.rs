//! The resources of an application, as its router has them.

use std::{borrow::Cow, collections::HashMap, mem, rc::Rc};

use actix_web::{
    App, HttpRequest, HttpResponse,
    dev::{ResourceDef, Service as _},
    introspection::{IntrospectionNode, IntrospectionTree},
    test::{TestRequest, init_service},
    web::{Data, ServiceConfig},
};
use futures_util::FutureExt;

use crate::diagnostics::{Diagnostic, Diagnostics};

/// The methods that a guard of actix-web may be named after. Guards of other methods count as guards like any other.
const METHODS: [&str; 9] =
    ["GET", "HEAD", "POST", "PUT", "DELETE", "CONNECT", "OPTIONS", "TRACE", "PATCH"];

/// Stands for any value of a parameter.
pub(super) const ANY: &str = "example";

/// Values of a parameter, one of which most regular expressions match.
pub(super) const VALUES: [&str; 5] = [ANY, "1", "A", "a1", "en"];

/// The name of what answers the rest of a path; it is no handler of the application.
pub(crate) const REST: &str = "hallpass-rest";

/// The routes of an application that was built.
pub(crate) struct Registered {
    /// A request of the application; it leads to the router's own map.
    request: HttpRequest,
    /// In the order in which the router tries them.
    pub(super) resources: Vec<Resource>,
    scopes: Vec<Rc<Scope>>,
}

/// A scope: what does not match in it is looked for nowhere else, unless a guard refuses the whole scope.
pub(super) struct Scope {
    /// With the prefixes of the scopes that it is in; that of the application is empty.
    pub(super) prefix: String,
    /// The guards of all scopes with this prefix, without those of methods.
    pub(super) guards: Vec<String>,
}

/// A resource, or a service below a prefix: what the router tries in turn.
pub(super) struct Resource {
    /// The name of the handler's function, or that of `Resource::name`.
    pub(super) name: Option<String>,
    /// With the prefixes of the scopes that it is in.
    pub(super) pattern: String,
    /// The pattern without regular expressions, as a document writes it.
    pub(super) template: String,
    definition: ResourceDef,
    /// The methods of all resources with this pattern.
    pub(super) methods: Vec<String>,
    /// The guards of all resources with this pattern, without those of methods.
    pub(super) guards: Vec<String>,
    /// The scopes that it is in, outermost first.
    pub(super) scopes: Vec<Rc<Scope>>,
    /// Whether two routes with this pattern take the same method.
    pub(super) is_shadowed: bool,
}

/// A node of actix-web's map of resources.
#[derive(Default)]
struct Node {
    name: Option<String>,
    patterns: Vec<String>,
    is_prefix: bool,
    /// How many scopes it is in; the whole application is the first.
    depth: usize,
    is_scope: bool,
}

impl Registered {
    /// What `register` registers. No request reaches the handlers.
    ///
    /// # Errors
    /// The application cannot be built at once, or actix-web's map of it cannot be read.
    pub(super) fn read(register: impl FnOnce(&mut ServiceConfig)) -> Result<Self, Diagnostics> {
        let app = App::new().configure(register).wrap_fn(|request, _| {
            let response = request.into_response(HttpResponse::Ok());
            async { Ok(response) }
        });
        let app = init_service(app).now_or_never().ok_or_else(|| {
            let what = "cannot be looked at before it serves: a middleware in `protect` waits for something while it \
                        is made; have that ready before";
            Diagnostic::new("the application", what)
        })?;
        let response = app.call(TestRequest::default().to_request()).now_or_never();
        let response = response.and_then(Result::ok).ok_or_else(Self::unreadable)?;
        Self::of(response.into_parts().0)
    }

    /// The routes of the application that got a request.
    ///
    /// # Errors
    /// actix-web's map of it cannot be read.
    pub(crate) fn of(request: HttpRequest) -> Result<Self, Diagnostics> {
        let unreadable = Self::unreadable;
        let tree = request.app_data::<Data<IntrospectionTree>>().ok_or_else(unreadable)?;
        let mut known = HashMap::new();
        index(&tree.root, &mut known);
        let nodes = nodes(&format!("{:#?}", request.resource_map())).ok_or_else(unreadable)?;
        let guards = |path: &str| {
            // The path of the whole application is `/` there.
            let node = known.get(if path.is_empty() { "/" } else { path });
            let names = node.into_iter().flat_map(|node| &node.guards);
            let names = names.filter(|name| !is_of_methods(name));
            names.map(|name| function(name).to_owned()).collect::<Vec<_>>()
        };
        let (mut resources, mut scopes) = (Vec::new(), Vec::new());
        // The scopes around a node with their prefixes; the first is the application, which has no guards.
        let mut around: Vec<(String, Rc<Scope>)> = Vec::new();
        for node in nodes {
            around.truncate(node.depth);
            let prefix = around.last().map_or("", |(prefix, _)| prefix).to_owned();
            for pattern in &node.patterns {
                let pattern = format!("{prefix}{pattern}");
                if node.is_scope {
                    let guards = if node.depth == 0 { Vec::new() } else { guards(&pattern) };
                    let scope = Rc::new(Scope { prefix: pattern.clone(), guards });
                    scopes.push(Rc::clone(&scope));
                    around.push((pattern, scope));
                } else if node.name.as_deref() != Some(REST) {
                    let scopes = around.iter().map(|(_, scope)| Rc::clone(scope)).collect();
                    let found = known.get(pattern.as_str()).copied();
                    resources.push(Resource::new(
                        &node,
                        pattern.clone(),
                        scopes,
                        found,
                        guards(&pattern),
                    ));
                }
            }
        }
        Ok(Self { request, resources, scopes })
    }

    /// The pattern of the resource that the router's map has for a decoded path.
    pub(super) fn pattern_for(&self, path: &str) -> Option<String> {
        self.request.resource_map().match_pattern(path)
    }

    /// The prefixes of the scopes, each once; that of the application is empty.
    pub(super) fn prefixes(&self) -> Vec<&str> {
        let mut prefixes: Vec<_> = self.scopes.iter().map(|scope| &*scope.prefix).collect();
        prefixes.sort_unstable();
        prefixes.dedup();
        prefixes
    }

    /// Whether a handler takes requests of any method for a decoded path.
    pub(super) fn takes_everything(&self, path: &str) -> bool {
        self.resources.iter().any(|one| one.methods.is_empty() && one.is_match(path))
    }

    pub(super) fn unreadable() -> Diagnostic {
        let what = "cannot be read from this version of actix-web; use the one that hallpass is tested with";
        Diagnostic::new("the routes of the application", what)
    }

    /// The prefix of the first scope that a decoded path leads to.
    pub(super) fn scope_for(&self, path: &str) -> Option<&str> {
        let leads = |scope: &&Rc<Scope>| {
            !scope.prefix.is_empty() && ResourceDef::root_prefix(&scope.prefix).is_match(path)
        };
        self.scopes.iter().find(leads).map(|scope| scope.prefix.as_str())
    }
}

impl Scope {
    /// Whether this part of a path is what it takes.
    pub(super) fn takes(&self, part: &str) -> bool {
        !self.prefix.is_empty()
            && ResourceDef::root_prefix(&self.prefix).find_match(part) == Some(part.len())
    }
}

impl Resource {
    fn new(
        node: &Node,
        pattern: String,
        scopes: Vec<Rc<Scope>>,
        found: Option<&IntrospectionNode>,
        guards: Vec<String>,
    ) -> Self {
        let methods = found.into_iter().flat_map(|found| &found.methods).map(ToString::to_string);
        let mut notes = found.into_iter().flat_map(|found| &found.reachability_notes);
        let definition = match node.is_prefix {
            true => ResourceDef::prefix(pattern.as_str()),
            false => ResourceDef::new(pattern.as_str()),
        };
        Self {
            name: node.name.clone(),
            template: template(&pattern).into_owned(),
            definition,
            methods: methods.collect(),
            guards,
            scopes,
            is_shadowed: notes.any(|note| note == "shadowed_by_route"),
            pattern,
        }
    }

    pub(super) fn is_match(&self, path: &str) -> bool {
        self.definition.is_match(path)
    }

    /// Whether the router reads the pattern as a document does.
    pub(super) fn is_template(&self) -> bool {
        self.pattern == self.template && !self.definition.is_prefix()
    }

    /// Whether the router goes on to `other` with what this one leaves, and why this one leaves it.
    pub(super) fn leaves_to(&self, other: &Self) -> Option<String> {
        let is_around_other =
            |scope: &&Rc<Scope>| other.scopes.iter().any(|one| Rc::ptr_eq(one, scope));
        let scope = self.scopes.iter().find(|scope| !is_around_other(scope));
        let guards = scope.map_or(&self.guards, |scope| &scope.guards);
        match guards.first() {
            Some(guard) => Some(format!("its guard `{guard}` refuses")),
            None if scope.is_none() && !self.is_template() => {
                Some(format!("its pattern `{}` does not match", self.pattern))
            }
            None => None,
        }
    }

    /// Whether it leaves requests of its path to whatever is registered after everything else.
    pub(super) fn is_partial(&self) -> bool {
        !self.is_template()
            || !self.guards.is_empty()
            || self.scopes.iter().any(|one| !one.guards.is_empty())
    }

    pub(super) fn takes(&self, method: &str) -> bool {
        self.methods.is_empty() || self.methods.iter().any(|taken| taken == method)
    }
}

/// The nodes by their full path.
fn index<'t>(node: &'t IntrospectionNode, known: &mut HashMap<&'t str, &'t IntrospectionNode>) {
    known.insert(&node.full_path, node);
    node.children.iter().for_each(|child| index(child, known));
}

/// `GET`, or `AnyGuard(GET, HEAD)`.
fn is_of_methods(guard: &str) -> bool {
    let inner = guard.strip_prefix("AnyGuard(").and_then(|rest| rest.strip_suffix(')'));
    let mut words = inner.unwrap_or(guard).split(", ");
    words.all(|word| METHODS.contains(&word))
}

/// The function of a guard, or the guard's own name.
fn function(name: &str) -> &str {
    let inner = name.split_once("FnGuard<").and_then(|(_, rest)| rest.strip_suffix('>'));
    inner.unwrap_or(name)
}

/// A pattern of the router as a document writes it: `/x/{id:[0-9]{2}}` is `/x/{id}`.
pub(crate) fn template(pattern: &str) -> Cow<'_, str> {
    if !pattern.contains(':') {
        return Cow::Borrowed(pattern);
    }
    let (mut template, mut depth, mut in_regex) = (String::new(), 0_usize, false);
    for character in pattern.chars() {
        match character {
            '{' => depth += 1,
            '}' => depth = depth.saturating_sub(1),
            ':' if depth == 1 => in_regex = true,
            _ => {}
        }
        in_regex &= depth > 0;
        if !in_regex {
            template.push(character);
        }
    }
    Cow::Owned(template)
}

/// The nodes of a `ResourceMap` in order, read from its `Debug` form: it shows its nodes in no other way. Each level of
/// nodes is indented by 12 columns. None where the form is not the known one.
fn nodes(map: &str) -> Option<Vec<Node>> {
    let (mut found, mut node) = (Vec::new(), Node::default());
    let mut lines = map.lines();
    while let Some(line) = lines.next() {
        let text = line.trim_start();
        let indent = line.len() - text.len();
        match text {
            // The same nodes again, by their names.
            "named: {" => {
                lines.find(|end| end.len() == indent + 2 && end.ends_with("},"))?;
            }
            "pattern: ResourceDef {" => {
                node = Node { depth: indent.checked_sub(4)? / 12, ..Node::default() };
            }
            "name: Some(" => node.name = Some(text_of(lines.next()?)?),
            "patterns: Single(" => node.patterns.push(text_of(lines.next()?)?),
            "patterns: List(" => {
                lines.next()?;
                let listed = lines.by_ref().take_while(|line| line.trim_start() != "],");
                node.patterns = listed.map(text_of).collect::<Option<_>>()?;
            }
            "is_prefix: true," => node.is_prefix = true,
            "nodes: None," => found.push(mem::take(&mut node)),
            "nodes: Some(" => {
                node.is_scope = true;
                found.push(mem::take(&mut node));
            }
            _ => {}
        }
    }
    // The first one is the whole application.
    let is_readable = found.first().is_some_and(|root| root.is_scope)
        && found.iter().all(|node| !node.patterns.is_empty());
    is_readable.then_some(found)
}

/// The text of a line like `"/x",`.
fn text_of(line: &str) -> Option<String> {
    serde_json::from_str(line.trim_start().strip_suffix(',')?).ok()
}
