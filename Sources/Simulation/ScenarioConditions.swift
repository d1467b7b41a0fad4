import Primitives

/// How long something takes.
package enum Delay: Hashable, Sendable {
    /// Half to twice as long.
    case around(Nanoseconds)
    /// Mostly near it; one in ten up to ten times, one in a hundred up to a hundred times as long.
    case longTail(Nanoseconds)
    case between(Nanoseconds, Nanoseconds)
    /// Without memory: `mean` on top of `least`.
    case exponential(mean: Nanoseconds, least: Nanoseconds)

    package var typical: Nanoseconds {
        switch self {
        case .around(let typical), .longTail(let typical): typical
        case .between(let low, let high): low &+ (high &- low) / 2
        case .exponential(let mean, let least): least &+ mean
        }
    }
}

/// How links behave while faults are on.
package struct NetworkConditions: Hashable, Sendable {
    /// One way.
    package var delay = Delay.around(.microseconds(800))
    package var keepsOrder = true
    /// Per million messages.
    package var loss = 0
    package var duplication = 0
    /// Messages of a link that is gone which arrive all the same.
    package var replay = 0
    /// Such a message may come so much later: across reconnects and restarts. Nil: when it would have come.
    package var replayDelay: Nanoseconds?
    /// Losses in a row: one in so many messages begins a burst, in which half are lost for so long.
    package var burst: Burst?
    /// Connection attempts that hang, per million.
    package var connectHangs = 0
    /// How long such a one hangs.
    package var hang: Nanoseconds = Limits.handshakeTimeout.wholeNanoseconds
    /// Breaks of which one end learns nothing until it is asked, per million.
    package var halfOpen = 0
    /// Messages that one direction holds; more are lost. Nil: no bound.
    package var queue: Int?
    /// How long a cut link goes unnoticed.
    package var detection: ClosedRange<Nanoseconds> = .milliseconds(20)...(.milliseconds(500))
    package var reconnection: ClosedRange<Nanoseconds> = .milliseconds(5)...(.milliseconds(200))

    package struct Burst: Hashable, Sendable {
        /// Begins per million messages.
        package var begins: Int
        package var length: Nanoseconds

        package init(begins: Int, length: Nanoseconds) {
            self.begins = begins
            self.length = length
        }
    }

    package init() {}

    package static let healthy = NetworkConditions()
}

package struct ClockConditions: Hashable, Sendable {
    /// The fastest is less than 1.5 times as fast as the slowest.
    package static let bound: ClosedRange<Int64> = 830_000...1_200_000

    /// Parts per million, by device; 1,000,000 where there is none.
    package var rates: [Int64] = []
    /// Timers come so much too late at times.
    package var lateTimers: Nanoseconds = 0

    package init() {}
}

/// How the disk behaves.
package struct DiskConditions: Hashable, Sendable {
    /// One durable write.
    package var delay = Delay.around(.microseconds(400))
    /// Writes that stall, per million.
    package var stalls = 0
    package var stall: Nanoseconds = .seconds(5)

    package init() {}
}

/// How the shells behave.
package struct WorkConditions: Hashable, Sendable {
    /// Capture, fetch, merge, stage, one applied file.
    package var delay = Delay.around(.milliseconds(20))
    /// Per million actions.
    package var failures = 0
    /// Files, per million, that an apply needs `bigFile` for.
    package var bigFiles = 0
    package var bigFile: Nanoseconds = .seconds(8)

    package init() {}
}

/// Who changes files.
package struct Workload: Hashable, Sendable {
    package static let groupSize = 3
    package static let sharedPaths = 10

    /// Writers of each device that respect the gate; each changes its own group of files.
    package var gatedWriters = 1
    package var gatedPause: Nanoseconds = .milliseconds(1500)
    /// Between two writes of one section.
    package var gatedStep: Nanoseconds = .milliseconds(3)
    /// Writers that ignore the gate, on shared files.
    package var ungatedPause: Nanoseconds?
    /// A person who changes shared files.
    package var userPause: Nanoseconds?
    /// What that person does; edits and, now and then, deletions if it is empty.
    package var userActions: [UserAction] = []

    package init() {}

    func paths(devices: Int) -> Int { Self.sharedPaths + devices * gatedWriters * Self.groupSize }

    /// The files of one writer's group.
    func group(of node: Int, writer: Int) -> Range<Int> {
        let first = Self.sharedPaths + (node * gatedWriters + writer) * Self.groupSize
        return first..<(first + Self.groupSize)
    }
}

/// A git remote that every device reaches, with its fence (protocol.md, section 6).
package struct HubConditions: Hashable, Sendable {
    /// False: it cannot update two refs in one; the token travels in a trailer on the branch itself.
    package var isAtomic = true
    package var delay = Delay.around(.milliseconds(40))
    /// Per million pushes.
    package var refusals = 0
    package var lostReplies = 0

    package init() {}
}

/// The second half of a run.
package struct HealPlan: Hashable, Sendable {
    /// Who is mended; everybody else stays broken for ever.
    package enum Core: String, Hashable, Sendable, CaseIterable {
        case all
        /// A majority of the voters, and half of the others.
        case majority
        /// The least majority of the voters.
        case exactMajority = "exact-majority"
        /// Any of the devices; if they are no quorum, nothing but safety is demanded.
        case random
    }

    package var core = Core.all
    /// One way, between mended devices.
    package var delay: Nanoseconds = .microseconds(800)

    package init(core: Core = .all, delay: Nanoseconds = .microseconds(800)) {
        self.core = core
        self.delay = delay
    }
}
