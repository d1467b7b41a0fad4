import Primitives

/// One device's writer gate. It enforces its deadline by itself, whatever the agent does.
struct GateModel: Hashable, Sendable {
    struct Closed: Hashable, Sendable {
        var round: RoundID
        /// On the device's clock that counts suspend.
        var since: Nanoseconds
        /// In true time.
        var from: TrueTime
        /// On the clock that stops in suspend.
        var awake: Nanoseconds
        var deadline: Nanoseconds
        /// Everybody inside has left, or the grace is over; the agent was told.
        var isQuiet = false
        /// The device's clock as it closed for this round.
        var roundSince: Instant
        /// The agent was told that the capture of this round is done.
        var isCaptured = false
        /// Files are being replaced, or are about to be.
        var isReplacing = false
    }

    private(set) var closed: Closed?
    /// A planned event for another generation is void.
    private(set) var generation: UInt32 = 0
    /// How often it opened.
    private(set) var openings: UInt32 = 0
    /// How often it was closed.
    private(set) var closings: UInt32 = 0
    /// What it was closed for last.
    private var newest: RoundID?
    /// When the leader of the closed round was last heard of, on the clock that stops in suspend: a machine that sleeps
    /// pauses nobody.
    var lastWord: Nanoseconds = 0

    var isOpen: Bool { closed == nil }

    /// A newer round takes a closed gate over; the pause counts from its first closing.
    mutating func close(
        _ round: RoundID, limit: Nanoseconds, from: TrueTime, local: Nanoseconds, awake: Nanoseconds,
        at step: Instant = .origin
    ) {
        generation &+= 1
        closings &+= 1
        let since = closed?.since ?? local
        lastWord = awake
        // A second time for one round: for its apply.
        let isReplacing = newest == round
        newest = round
        closed = Closed(
            round: round, since: since, from: closed?.from ?? from, awake: closed?.awake ?? awake,
            deadline: Self.deadline(local, limit, since: since), roundSince: step, isReplacing: isReplacing)
    }

    mutating func captured(_ round: RoundID) { if closed?.round == round { closed?.isCaptured = true } }
    mutating func replaces(_ round: RoundID) { if closed?.round == round { closed?.isReplacing = true } }

    mutating func extend(_ round: RoundID, limit: Nanoseconds, local: Nanoseconds) -> Bool {
        guard let closed, closed.round == round else { return false }
        generation &+= 1
        self.closed?.deadline = Self.deadline(local, limit, since: closed.since)
        return true
    }

    mutating func becameQuiet() { closed?.isQuiet = true }

    /// Opens if it is closed for this round; nil: whatever it is closed for.
    mutating func open(_ round: RoundID?) -> Closed? {
        guard let closed, round == nil || closed.round == round else { return nil }
        generation &+= 1
        openings &+= 1
        self.closed = nil
        return closed
    }

    private static func deadline(_ local: Nanoseconds, _ limit: Nanoseconds, since: Nanoseconds) -> Nanoseconds {
        min(local &+ limit, since &+ Limits.pauseMax.wholeNanoseconds)
    }
}

/// A writer of the model: changes its group of files, one after the other, in a section of the gate.
struct WriterModel: Hashable, Sendable {
    let paths: Range<Int>
    var section: UInt32 = 0
    /// The next path to write; nil outside of a section.
    var inside: Int?
    /// Waits for the gate to open.
    var isWaiting = false
    /// It said that it is paused, and nobody let it go on yet.
    var hasAnswered = false
    /// Sections that it makes up for, one right after the other.
    var burst = 0
    var draw: KeyedStream
}
