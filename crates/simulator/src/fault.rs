//! Faults: a plan of what goes wrong, at which request and at which point of it.
//!
//! A plan is a JSON list of rules:
//!
//! ```json
//! [
//!   { "call": 7, "point": "reply_lost", "fault": "hang" },
//!   { "operation": "CreateNodegroup", "point": "uncommitted", "fault": "throttle", "retry_after": "2", "times": 3 },
//!   { "operation": "*", "probability": 0.1, "times": 1000, "fault": "unavailable" }
//! ]
//! ```
//!
//! A rule names a request by `call`, its number in the journal, or an `operation` (`*` is every one); it fires `times`
//! times (once unless said), each time with `probability` (always unless said). The first rule that fires wins.

use serde::Deserialize;

use crate::random::Random;

/// Where in the life of a request a fault strikes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Point {
    /// The request never reached the service.
    BeforeSend,
    /// The service has read the request and done nothing.
    Uncommitted,
    /// The service has done what was asked; its reply is lost, or an error takes its place.
    ReplyLost,
    /// The service has done what was asked; half of the reply's body arrives.
    ReplyCut,
}

impl Point {
    fn name(self) -> &'static str {
        match self {
            Point::BeforeSend => "before_send",
            Point::Uncommitted => "uncommitted",
            Point::ReplyLost => "reply_lost",
            Point::ReplyCut => "reply_cut",
        }
    }

    fn commits(self) -> bool {
        match self {
            Point::BeforeSend | Point::Uncommitted => false,
            Point::ReplyLost | Point::ReplyCut => true,
        }
    }
}

/// What goes wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Fault {
    /// The connection is closed.
    Drop,
    /// The connection is reset.
    Reset,
    /// Nothing more is sent until the client goes away.
    Hang,
    /// Too many requests, as the service says it: 429 ThrottlingException.
    Throttle,
    /// Too many requests, as node groups of EKS say it: 400 InvalidRequestException "Request limit exceeded"
    /// (aws/aws-sdk#652). On Azure: as Resource Manager says it, which limits the calls of all services.
    ThrottleAsInvalidRequest,
    /// 503.
    Unavailable,
    /// 500.
    InternalError,
    /// 502 and a page of HTML, as a proxy or load balancer in between answers.
    Html,
    /// 504 and a page of HTML.
    GatewayTimeout,
    /// 200 and a page of HTML, as a portal in between that wants a login.
    HtmlOk,
    /// 200 without a body.
    Empty,
    /// 200 and JSON that breaks off, though the connection does not.
    Truncated,
    /// 200 and bytes that are no UTF-8.
    InvalidUtf8,
    /// 200 and JSON of members that nobody knows, with values of the wrong types.
    WrongShape,
    /// 200 and JSON that has each of its members twice.
    DuplicateKeys,
    /// 200 and JSON with a number that no type holds.
    HugeNumber,
    /// 200 and what the service says, as `text/plain`.
    WrongContentType,
    /// 200 and ten mebibytes.
    Huge,
    /// The credentials are expired: 403. Keys that AssumeRole gave out stay expired from then on.
    ExpiredToken,
    /// 403.
    AccessDenied,
    /// A role or principal just made is not known yet: 400 InvalidParameterException.
    Propagating,
    /// Another change is running: 409. EKS has some of its own that no list shows (aws/eks-hybrid#479).
    Busy,
    /// A quota is used up: 400 ResourceLimitExceededException.
    LimitExceeded,
    /// The older form of not found: 400 ClientException.
    NotFoundAsClientException,
    /// The asynchronous operation takes ten times as long.
    Slow,
    /// The asynchronous operation takes a month.
    Stuck,
    /// The asynchronous operation fails.
    Fail,
    /// The asynchronous operation succeeds in part: the object is there and has health issues.
    Degrade,
    /// The status stays what it was for the next three reads.
    StaleStatus,
    /// The next two reads of what was created answer 404.
    NotYetVisible,
}

/// How a connection ends without a reply.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Break {
    Close,
    Reset,
    Hang,
}

/// A fault that replaces the reply by what no service says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Garbage {
    Html,
    GatewayTimeout,
    HtmlOk,
    Empty,
    Truncated,
    InvalidUtf8,
    WrongShape,
    DuplicateKeys,
    HugeNumber,
    Huge,
}

/// A fault that replaces the reply by an error in the service's words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ReplyFault {
    Throttle,
    ThrottleAsInvalidRequest,
    Unavailable,
    InternalError,
    ExpiredToken,
    AccessDenied,
    Propagating,
    Busy,
    LimitExceeded,
    NotFoundAsClientException,
}

/// Another reply.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Substitute {
    Error(ReplyFault),
    Garbage(Garbage),
}

/// A fault that changes how an accepted operation goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Course {
    Slow,
    Stuck,
    Fail,
    Degrade,
    StaleStatus,
    NotYetVisible,
}

/// What a reply says about when to come back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum RetryAfter {
    /// The header's text as it is.
    Text(String),
    /// The date that many seconds after the reply's own.
    Date(u64),
}

/// What happens to one request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Effect {
    /// The connection breaks.
    Connection { point: Point, how: Break },
    /// Another reply is sent, after the work or instead of it.
    Reply { committed: bool, substitute: Substitute, retry_after: Option<RetryAfter> },
    /// The service's reply is sent with another content type.
    Relabelled,
    /// The operation is accepted and takes another course.
    Course(Course),
}

/// One fault to inject.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Injection {
    /// As the journal says it.
    pub(crate) name: String,
    pub(crate) effect: Effect,
}

/// The faults of a run.
#[derive(Clone, Debug, Default)]
pub struct FaultPlan {
    rules: Vec<Rule>,
}

/// Why a fault plan was refused.
#[derive(Debug, thiserror::Error)]
pub enum FaultPlanError {
    /// Not a JSON list of rules.
    #[error("fault plan is not a JSON list of rules")]
    Json(#[source] serde_json::Error),
    /// A rule that could never do what it says.
    #[error("fault plan, rule {number}: {reason}")]
    Rule {
        /// Its place in the list, from 1.
        number: usize,
        /// What is wrong with it.
        reason: String,
    },
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Rule {
    call: Option<u64>,
    operation: Option<String>,
    point: Option<Point>,
    fault: Fault,
    #[serde(default = "once")]
    times: u32,
    probability: Option<f64>,
    /// The header's text: seconds or a date.
    retry_after: Option<String>,
    /// The header as a date, that many seconds after the reply's own.
    retry_after_date: Option<u64>,
}

fn once() -> u32 {
    1
}

/// How a fault strikes.
enum Kind {
    Connection(Break),
    Reply(Substitute),
    Relabelled,
    Course(Course),
}

impl FaultPlan {
    /// Reads a plan.
    ///
    /// # Errors
    /// When it is no list of rules, or a rule could never fire.
    pub fn from_json(text: &str) -> Result<FaultPlan, FaultPlanError> {
        let rules: Vec<Rule> = serde_json::from_str(text).map_err(FaultPlanError::Json)?;
        for (index, rule) in rules.iter().enumerate() {
            rule.check().map_err(|reason| FaultPlanError::Rule { number: index + 1, reason })?;
        }
        Ok(FaultPlan { rules })
    }

    /// Refuses operations that no cloud has: a rule that never fires would look like a fault that was survived.
    pub(crate) fn check_operations(&self, known: &[&str]) -> Result<(), FaultPlanError> {
        for (index, rule) in self.rules.iter().enumerate() {
            if let Some(operation) = rule.operation.as_deref()
                && operation != "*"
                && !known.contains(&operation)
            {
                let reason = format!("no operation is called {operation:?}; they are {}", known.join(", "));
                return Err(FaultPlanError::Rule { number: index + 1, reason });
            }
        }
        Ok(())
    }

    pub(crate) fn extend(&mut self, more: FaultPlan) {
        self.rules.extend(more.rules);
    }

    /// The fault for request number `call`, if any.
    pub(crate) fn take(&mut self, call: u64, operation: &str, random: &mut Random) -> Option<Injection> {
        let rule = self.rules.iter_mut().find(|rule| rule.fires(call, operation, random))?;
        rule.times -= 1;
        Some(rule.injection())
    }
}

impl Rule {
    fn check(&self) -> Result<(), String> {
        if self.call.is_some() == self.operation.is_some() {
            return Err("name either a call or an operation".into());
        }
        if self.call == Some(0) || self.times == 0 {
            return Err("call and times start at 1".into());
        }
        if self.probability.is_some_and(|p| !(0.0..=1.0).contains(&p)) {
            return Err("probability lies between 0 and 1".into());
        }
        if self.retry_after.is_some() && self.retry_after_date.is_some() {
            return Err("retry_after and retry_after_date are the same header".into());
        }
        if self.retry_after.as_ref().is_some_and(|text| http::HeaderValue::from_str(text).is_err()) {
            return Err("retry_after is the text of a header: seconds or an HTTP date".into());
        }
        match (self.fault.kind(), self.point) {
            (Kind::Connection(_), None) => Err("drop, reset and hang need a point".into()),
            (Kind::Reply(_), Some(Point::BeforeSend | Point::ReplyCut)) => {
                Err("a reply is given at uncommitted or reply_lost".into())
            }
            (Kind::Course(_) | Kind::Relabelled, Some(_)) => Err("what happens after acceptance has no point".into()),
            (Kind::Connection(_), Some(_))
            | (Kind::Reply(_), None | Some(Point::Uncommitted | Point::ReplyLost))
            | (Kind::Course(_) | Kind::Relabelled, None) => Ok(()),
        }
    }

    fn fires(&self, call: u64, operation: &str, random: &mut Random) -> bool {
        let named = match (&self.call, &self.operation) {
            (Some(number), _) => *number == call,
            (None, Some(name)) => name == "*" || name == operation,
            (None, None) => false,
        };
        self.times > 0 && named && self.probability.is_none_or(|p| random.chance(p))
    }

    fn injection(&self) -> Injection {
        let fault = format!("{:?}", self.fault);
        let mut name = String::new();
        for (index, letter) in fault.char_indices() {
            if letter.is_ascii_uppercase() && index > 0 {
                name.push('_');
            }
            name.push(letter.to_ascii_lowercase());
        }
        let point = self.point.unwrap_or(Point::Uncommitted);
        match self.fault.kind() {
            Kind::Connection(how) => {
                Injection { name: format!("{}/{name}", point.name()), effect: Effect::Connection { point, how } }
            }
            Kind::Reply(substitute) => {
                let committed = point.commits();
                let text = self.retry_after.clone().map(RetryAfter::Text);
                let retry_after = self.retry_after_date.map(RetryAfter::Date).or(text);
                let effect = Effect::Reply { committed, substitute, retry_after };
                Injection { name: format!("{}/{name}", point.name()), effect }
            }
            Kind::Relabelled => Injection { name, effect: Effect::Relabelled },
            Kind::Course(course) => Injection { name, effect: Effect::Course(course) },
        }
    }
}

impl Fault {
    fn kind(self) -> Kind {
        match self {
            Fault::Drop => Kind::Connection(Break::Close),
            Fault::Reset => Kind::Connection(Break::Reset),
            Fault::Hang => Kind::Connection(Break::Hang),
            Fault::Throttle => Kind::Reply(Substitute::Error(ReplyFault::Throttle)),
            Fault::ThrottleAsInvalidRequest => Kind::Reply(Substitute::Error(ReplyFault::ThrottleAsInvalidRequest)),
            Fault::Unavailable => Kind::Reply(Substitute::Error(ReplyFault::Unavailable)),
            Fault::InternalError => Kind::Reply(Substitute::Error(ReplyFault::InternalError)),
            Fault::Html => Kind::Reply(Substitute::Garbage(Garbage::Html)),
            Fault::GatewayTimeout => Kind::Reply(Substitute::Garbage(Garbage::GatewayTimeout)),
            Fault::HtmlOk => Kind::Reply(Substitute::Garbage(Garbage::HtmlOk)),
            Fault::DuplicateKeys => Kind::Reply(Substitute::Garbage(Garbage::DuplicateKeys)),
            Fault::HugeNumber => Kind::Reply(Substitute::Garbage(Garbage::HugeNumber)),
            Fault::WrongContentType => Kind::Relabelled,
            Fault::Empty => Kind::Reply(Substitute::Garbage(Garbage::Empty)),
            Fault::Truncated => Kind::Reply(Substitute::Garbage(Garbage::Truncated)),
            Fault::InvalidUtf8 => Kind::Reply(Substitute::Garbage(Garbage::InvalidUtf8)),
            Fault::WrongShape => Kind::Reply(Substitute::Garbage(Garbage::WrongShape)),
            Fault::Huge => Kind::Reply(Substitute::Garbage(Garbage::Huge)),
            Fault::ExpiredToken => Kind::Reply(Substitute::Error(ReplyFault::ExpiredToken)),
            Fault::AccessDenied => Kind::Reply(Substitute::Error(ReplyFault::AccessDenied)),
            Fault::Propagating => Kind::Reply(Substitute::Error(ReplyFault::Propagating)),
            Fault::Busy => Kind::Reply(Substitute::Error(ReplyFault::Busy)),
            Fault::LimitExceeded => Kind::Reply(Substitute::Error(ReplyFault::LimitExceeded)),
            Fault::NotFoundAsClientException => Kind::Reply(Substitute::Error(ReplyFault::NotFoundAsClientException)),
            Fault::Slow => Kind::Course(Course::Slow),
            Fault::Stuck => Kind::Course(Course::Stuck),
            Fault::Fail => Kind::Course(Course::Fail),
            Fault::Degrade => Kind::Course(Course::Degrade),
            Fault::StaleStatus => Kind::Course(Course::StaleStatus),
            Fault::NotYetVisible => Kind::Course(Course::NotYetVisible),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rules_fire_by_number_by_name_and_as_often_as_said() {
        let mut random = Random::new(0);
        let text = r#"[{"call":3,"point":"reply_lost","fault":"hang"},
                       {"operation":"CreateCluster","fault":"throttle_as_invalid_request","times":2}]"#;
        let mut plan = FaultPlan::from_json(text).unwrap();
        assert_eq!(plan.take(1, "DescribeCluster", &mut random), None);
        let throttled = plan.take(2, "CreateCluster", &mut random).unwrap();
        assert_eq!(throttled.name, "uncommitted/throttle_as_invalid_request");
        let lost = plan.take(3, "CreateCluster", &mut random).unwrap();
        assert_eq!(lost.effect, Effect::Connection { point: Point::ReplyLost, how: Break::Hang });
        assert!(plan.take(4, "CreateCluster", &mut random).is_some());
        assert_eq!(plan.take(5, "CreateCluster", &mut random), None);
    }

    #[test]
    fn rules_that_could_never_do_what_they_say_are_refused() {
        for (text, reason) in [
            (r#"[{"fault":"drop","point":"reply_lost"}]"#, "name either"),
            (r#"[{"call":1,"operation":"*","fault":"slow"}]"#, "name either"),
            (r#"[{"call":1,"fault":"drop"}]"#, "need a point"),
            (r#"[{"call":0,"fault":"slow"}]"#, "start at 1"),
            (r#"[{"call":1,"fault":"slow","point":"uncommitted"}]"#, "has no point"),
            (r#"[{"call":1,"fault":"throttle","point":"before_send"}]"#, "uncommitted or reply_lost"),
            (r#"[{"call":1,"fault":"throttle","probability":1.5}]"#, "between 0 and 1"),
            (r#"[{"call":1,"fault":"surprise"}]"#, "not a JSON list"),
            (r#"[{"call":1,"fault":"slow","when":"now"}]"#, "not a JSON list"),
        ] {
            let error = FaultPlan::from_json(text).unwrap_err().to_string();
            assert!(error.contains(reason), "{text}: {error}");
        }
        let plan = FaultPlan::from_json(r#"[{"operation":"MakeCluster","fault":"slow"}]"#).unwrap();
        let error = plan.check_operations(&["CreateCluster"]).unwrap_err().to_string();
        assert!(error.contains("they are CreateCluster"), "{error}");
    }
}
