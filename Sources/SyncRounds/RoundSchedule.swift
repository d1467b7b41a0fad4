import Primitives

/// When the sync leader starts a round, and why: a decision over facts, without a state of its own.
package struct RoundSchedule: Hashable, Sendable {
    /// A person stopped this device: it leads no round, asked for or not.
    package var isStopped: Bool
    package var settings: SyncSettings
    /// Somebody asked for a round.
    package var manual: Bool
    /// When the last round was started here; nil for none yet.
    package var lastStart: Instant?
    /// Not before this, after a failure (exponential back-off).
    package var notBefore: Instant?
    package var devices: [Facts]
    /// Somebody pushed to the hub, and a round would merge that.
    package var hubNews: Bool

    /// What is known of one reachable device.
    package struct Facts: Hashable, Sendable {
        package var firstChange: Instant?
        package var lastChange: Instant?
        /// Its tree is clean, nothing hinders it, and it is not at the head.
        package var behind: Bool

        package init(firstChange: Instant?, lastChange: Instant?, behind: Bool) {
            self.firstChange = firstChange
            self.lastChange = lastChange
            self.behind = behind
        }
    }

    package enum Verdict: Hashable, Sendable {
        case go(RoundReason)
        /// Look again then; nil: when a fact changes. The rule that decided.
        case wait(until: Instant?, Rule)
    }

    package enum Rule: String, Hashable, Sendable, CaseIterable {
        case stopped, nothingChanged, settling, minInterval, backOff, automaticOff
    }

    package init(
        isStopped: Bool = false, settings: SyncSettings, manual: Bool, lastStart: Instant?, notBefore: Instant?,
        devices: [Facts],
        hubNews: Bool = false
    ) {
        self.isStopped = isStopped
        self.settings = settings
        self.manual = manual
        self.lastStart = lastStart
        self.notBefore = notBefore
        self.devices = devices
        self.hubNews = hubNews
    }

    /// Manual runs at once; a clean device that is behind is caught up as soon as back-off allows; changes wait for
    /// quiet (`settle`) but no longer than `maxWait`, and for the minimum interval.
    package func decide(at now: Instant) -> Verdict {
        if isStopped { return .wait(until: nil, .stopped) }
        if manual { return .go(.manual) }
        guard settings.automatic else { return .wait(until: nil, .automaticOff) }
        let isBehind = devices.contains(where: \.behind)
        if isBehind || hubNews {
            if let notBefore, now < notBefore { return .wait(until: notBefore, .backOff) }
            return .go(isBehind ? .behind : .hub)
        }
        guard let due = changeDue() else { return .wait(until: nil, .nothingChanged) }
        var wait = (due, Rule.settling)
        if let lastStart, lastStart + settings.minInterval > wait.0 {
            wait = (lastStart + settings.minInterval, .minInterval)
        }
        if let notBefore, notBefore > wait.0 { wait = (notBefore, .backOff) }
        return now >= wait.0 ? .go(.change) : .wait(until: wait.0, wait.1)
    }

    /// The first moment at which some device's changes are quiet, or have waited long enough.
    private func changeDue() -> Instant? {
        devices.compactMap { device in
            guard let first = device.firstChange, let last = device.lastChange else { return nil }
            return min(last + settings.settle, first + settings.maxWait)
        }.min()
    }
}
