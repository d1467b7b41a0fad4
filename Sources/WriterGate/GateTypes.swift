import Primitives

/// A process group that a wrapper can stop: its id and when its leader started, so that a recycled id is recognised.
package struct ProcessGroupID: Hashable, Sendable {
    package var group: Int32
    /// Clock ticks after boot, as `/proc/<pid>/stat` has it; 0 where that is not known.
    package var leaderStart: UInt64

    package init(group: Int32, leaderStart: UInt64) {
        self.group = group
        self.leaderStart = leaderStart
    }
}

/// One closing of the gate. A round may close it twice, so answers name the pause, not the round.
package struct GatePause: Hashable, Sendable {
    package let number: UInt64
    package let round: RoundID
    /// When the gate was last open.
    package let since: Instant
    /// When it opens by itself, whatever else happens.
    package var deadline: Instant
    /// Who waits to hear that writers hold still.
    let request: UInt64
}

/// What a closing achieved. Names are those that writers registered with.
package struct GateReport: Hashable, Sendable {
    /// Writers that answered.
    package var paused: [String]
    /// Writers that did not answer within the grace: they may write.
    package var unanswered: [String]
    /// When the gate was closed; nil if it opened, or another round took it, before that.
    package var closedAt: Instant?

    static let notClosed = GateReport(paused: [], unanswered: [], closedAt: nil)
}

/// Why a gate opened that nobody opened.
package enum GateEarlyOpening: Hashable, Sendable {
    case deadline
    case emergency
    /// A writer that had answered writes again: its wrapper ended or had to let it go.
    case writerResumed(String)
}

/// Why an entry was refused.
package enum GateRefusal: Hashable, Sendable {
    case timedOut(RoundID?)
    case tooMany
    case notRegistered
}

/// A registered writer as status shows it.
package struct GateWriter: Hashable, Sendable {
    package enum Kind: Hashable, Sendable {
        /// Writes between `gate.enter` and `gate.leave` only.
        case client
        /// A process group that its wrapper stops and continues.
        case wrapped(ProcessGroupID)
    }

    package enum Answer: Hashable, Sendable {
        case running
        /// The pause was sent; no answer yet.
        case asked
        case paused
    }

    package struct Section: Hashable, Sendable {
        package let number: UInt64
        package var expires: Instant
    }

    /// The session on the control socket.
    package let id: UInt64
    package var name: String
    package var kind: Kind
    package var answer: Answer
    package var sections: [Section]
}
