//! A point of the matrix: on which cloud, what is being done, at which API call, at which moment of it, and what happens there.

use std::fmt;
use std::str::FromStr;

use crate::clouds::CloudName;

/// What is being done when it happens.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Deed {
    Create,
    Update,
    Delete,
    /// Creating where a cluster of that name carries another owner's mark: refused, with nothing written.
    CreateOverMarked,
    /// Creating where a cluster of that name carries no mark: refused, with nothing written.
    CreateOverUnmarked,
}

impl Deed {
    pub(crate) const ALL: [Deed; 5] =
        [Deed::Create, Deed::Update, Deed::Delete, Deed::CreateOverMarked, Deed::CreateOverUnmarked];

    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Deed::Create => "create",
            Deed::Update => "update",
            Deed::Delete => "delete",
            Deed::CreateOverMarked => "create_over_marked",
            Deed::CreateOverUnmarked => "create_over_unmarked",
        }
    }

    /// Whether it is to be refused, because the cluster of that name is somebody else's.
    pub(crate) fn is_refused(self) -> bool {
        match self {
            Deed::CreateOverMarked | Deed::CreateOverUnmarked => true,
            Deed::Create | Deed::Update | Deed::Delete => false,
        }
    }
}

/// The moment of a call: the request not arrived, arrived and not acted upon, acted upon and not answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Moment {
    BeforeSend,
    Uncommitted,
    ReplyLost,
}

impl Moment {
    pub(crate) const ALL: [Moment; 3] = [Moment::BeforeSend, Moment::Uncommitted, Moment::ReplyLost];

    /// As fault plans and the journal call it.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Moment::BeforeSend => "before_send",
            Moment::Uncommitted => "uncommitted",
            Moment::ReplyLost => "reply_lost",
        }
    }
}

/// What happens at the moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Blow {
    /// The process is killed.
    Kill,
    /// The connection breaks, and the process lives on.
    Drop,
    /// The cloud answers 403, and the process lives on.
    AccessDenied,
    /// The cloud answers 500, and the process lives on.
    InternalError,
}

impl Blow {
    pub(crate) const ALL: [Blow; 4] = [Blow::Kill, Blow::Drop, Blow::AccessDenied, Blow::InternalError];

    /// The fault that makes it possible, as fault plans and the journal call it.
    pub(crate) fn fault(self) -> &'static str {
        match self {
            // The call hangs until we have seen it, which is when the process dies.
            Blow::Kill => "hang",
            Blow::Drop => "drop",
            Blow::AccessDenied => "access_denied",
            Blow::InternalError => "internal_error",
        }
    }

    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Blow::Kill => "kill",
            Blow::Drop => "drop",
            Blow::AccessDenied => "access_denied",
            Blow::InternalError => "internal_error",
        }
    }

    /// At which moments it makes a difference: a refusal comes instead of the work, a broken connection before or after.
    pub(crate) fn moments(self) -> &'static [Moment] {
        match self {
            Blow::Kill => &Moment::ALL,
            Blow::Drop | Blow::InternalError => &[Moment::Uncommitted, Moment::ReplyLost],
            Blow::AccessDenied => &[Moment::Uncommitted],
        }
    }
}

/// What the next process still knows of what the killed one had learnt.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Memory {
    /// What was saved before the deed began, as Terraform has it when a provider dies.
    Prior,
    /// The last checkpoint, as a program has it that writes them down.
    Checkpoint,
}

impl Memory {
    pub(crate) const ALL: [Memory; 2] = [Memory::Prior, Memory::Checkpoint];

    fn as_str(self) -> &'static str {
        match self {
            Memory::Prior => "prior",
            Memory::Checkpoint => "checkpoint",
        }
    }
}

/// One point. Prints and parses as `eks:update:17:reply_lost:kill:prior`, and `:9` after it kills again at the ninth call of
/// the recovery.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Point {
    pub(crate) cloud: CloudName,
    pub(crate) deed: Deed,
    /// The number of the call within the deed, from 1.
    pub(crate) call: u64,
    pub(crate) moment: Moment,
    pub(crate) blow: Blow,
    pub(crate) memory: Memory,
    /// The call of the recovery at which the process is killed again.
    pub(crate) again: Option<u64>,
}

impl Point {
    /// Every point of a deed of that many calls.
    pub(crate) fn all(cloud: CloudName, deed: Deed, calls: u64, blow: Blow, memory: Memory) -> Vec<Point> {
        let of_call = |call| {
            let at = move |moment: &Moment| Point { cloud, deed, call, moment: *moment, blow, memory, again: None };
            blow.moments().iter().map(at)
        };
        (1..=calls).flat_map(of_call).collect()
    }
}

impl fmt::Display for Point {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Point { cloud, deed, call, moment, blow, memory, again } = self;
        let cloud = cloud.as_str();
        write!(f, "{cloud}:{}:{call}:{}:{}:{}", deed.as_str(), moment.as_str(), blow.as_str(), memory.as_str())?;
        match again {
            Some(call) => write!(f, ":{call}"),
            None => Ok(()),
        }
    }
}

impl FromStr for Point {
    type Err = String;

    fn from_str(text: &str) -> Result<Point, String> {
        let read = || {
            let mut parts = text.split(':');
            let mut next = || parts.next();
            let cloud = next()?.parse().ok()?;
            let deed = find(&Deed::ALL, Deed::as_str, next()?)?;
            let call = next()?.parse().ok()?;
            let moment = find(&Moment::ALL, Moment::as_str, next()?)?;
            let blow = find(&Blow::ALL, Blow::as_str, next()?)?;
            let memory = find(&Memory::ALL, Memory::as_str, next()?)?;
            let again = next().map(str::parse).transpose().ok()?;
            next().is_none().then_some(Point { cloud, deed, call, moment, blow, memory, again })
        };
        read().ok_or_else(|| format!("{text:?} is no point, such as eks:update:17:reply_lost:kill:prior"))
    }
}

fn find<T: Copy>(all: &[T], name: fn(T) -> &'static str, text: &str) -> Option<T> {
    all.iter().copied().find(|value| name(*value) == text)
}

/// Draws points. A small generator (splitmix64), so that a seed means the same everywhere.
#[derive(Debug, Clone)]
pub(crate) struct Draw(pub(crate) u64);

impl Draw {
    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number from 1 to `most`.
    pub(crate) fn number(&mut self, most: u64) -> u64 {
        1 + self.next() % most.max(1)
    }

    /// The points in another order.
    pub(crate) fn shuffled<T>(&mut self, mut points: Vec<T>) -> Vec<T> {
        for end in (1..points.len()).rev() {
            let other = self.next() % (end as u64 + 1);
            points.swap(end, usize::try_from(other).unwrap_or(end));
        }
        points
    }
}
