import Simulation

/// A line of the chaos: when something is done, and what.
package struct ChaosLine: Hashable, Sendable {
    package var moment: Moment
    package var action: Action

    package init(_ moment: Moment, _ action: Action) {
        self.moment = moment
        self.action = action
    }
}

package enum Moment: Hashable, Sendable {
    case at(Span)
    /// Again and again, so long apart.
    case every(Span)
    case when(Condition)
}

/// `when round.phase=staged as L after 2s skip 3 times 1`.
package struct Condition: Hashable, Sendable {
    package var trigger: Trigger
    /// What the line calls the device at which it came to pass.
    package var subject: String?
    package var delay: Span
    package var skipping: Int
    /// Nil: as often as it comes.
    package var times: Int?

    package init(
        _ trigger: Trigger, as subject: String? = nil, delay: Span = Span(0), skipping: Int = 0, times: Int? = nil
    ) {
        self.trigger = trigger
        self.subject = subject
        self.delay = delay
        self.skipping = skipping
        self.times = times
    }
}

/// A length of time; each seed draws its own between the two.
package struct Span: Hashable, Sendable {
    package var low: Nanoseconds
    package var high: Nanoseconds

    package init(_ low: Nanoseconds, _ high: Nanoseconds) {
        self.low = low
        self.high = high
    }

    package init(_ exactly: Nanoseconds) { self.init(exactly, exactly) }

    var isExact: Bool { low == high }
}

/// Whom it hits.
package enum Who: Hashable, Sendable {
    case target(Target)
    /// One device, drawn from the seed, each time anew.
    case any
}

/// A verb and what stands behind it, slot by slot; see `Verb.all`.
package struct Action: Hashable, Sendable {
    package var verb: String
    /// Nil: left out.
    package var values: [SlotValue?]

    package init(_ verb: String, _ values: [SlotValue?] = []) {
        self.verb = verb
        self.values = values
    }
}

package enum SlotValue: Hashable, Sendable {
    case who(Who)
    case route(from: Who, to: Who, bothWays: Bool)
    case span(Span)
    case number(Int64)
    case choice(String)
    case setting(ConfigSetting)
    /// A word that is there.
    case yes
}
