import Primitives

/// When the sync leader starts a round, and why: a decision over facts, without a state of its own. `decide` is what
/// counts; `ScheduleTable` says the same rule by rule.
package struct RoundSchedule: Hashable, Sendable {
    /// A person stopped this device: it leads no round, asked for or not.
    package var isStopped: Bool
    package var settings: SyncSettings
    /// Somebody asked for a round.
    package var manual: Bool
    /// This device may lead at this moment. Only then the decision is the mesh's.
    package var isLeading = true
    /// For people: who leads, where this device does not; nil for nobody.
    package var leaderName: String?
    /// For people: by what rule the leader spares itself, where this device does not lead.
    package var leaderSpares: Rule?
    /// Voters that can be reached (this device among them), and how many a decision takes.
    package var quorum: Quorum?
    /// When the last round was started here; nil for none yet.
    package var lastStart: Instant?
    /// Not before this, after a failure (exponential back-off).
    package var notBefore: Instant?
    /// The reachable devices; the first one is this device.
    package var devices: [Facts]
    /// Conflicts that nobody has resolved yet. They never hold a round up.
    package var openConflicts: UInt32 = 0
    /// Somebody pushed to the hub, and a round would merge that.
    package var hubNews: Bool

    package struct Quorum: Hashable, Sendable {
        package var reachable: Int
        package var needed: Int

        package init(reachable: Int, needed: Int) {
            self.reachable = reachable
            self.needed = needed
        }
    }

    /// What is known of one reachable device. What is unknown is no objection.
    package struct Facts: Hashable, Sendable {
        package var firstChange: Instant?
        package var lastChange: Instant?
        /// Its tree is clean, nothing hinders it, and it is not at the head.
        package var behind: Bool
        /// Rounds did not bring it to the head: no round starts only for that before then.
        package var behindFrom: Instant?
        /// It just started, woke up, or is about to stop: its changes do not wait for quiet.
        package var trigger: RoundReason?
        package var power = PowerFacts()
        /// For people.
        package var name = ""
        package var pendingFiles: UInt32 = 0
        package var activeWriters: UInt32 = 0
        package var pausedWriters: UInt32 = 0
        package var waiting: String?

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

    /// In the order in which a table lists them.
    package enum Rule: String, Hashable, Sendable, CaseIterable {
        case stopped, lease, quorum, asked, automaticOff, battery, metered, behind, hub, nothingChanged, settling,
            writers, conflicts, busy, minInterval, backOff
    }

    package init(
        isStopped: Bool = false, settings: SyncSettings, manual: Bool, lastStart: Instant?, notBefore: Instant?,
        devices: [Facts], hubNews: Bool = false
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
    /// quiet (`settle`) but no longer than `maxWait`, and for the minimum interval. What a device has that spares its
    /// battery or its link starts no round, and on the leader itself no automatic round starts.
    package func decide(at now: Instant) -> Verdict {
        if isStopped { return .wait(until: nil, .stopped) }
        guard isLeading else { return .wait(until: nil, .lease) }
        if manual { return .go(.manual) }
        guard settings.automatic else { return .wait(until: nil, .automaticOff) }
        if let rule = devices.first?.power.spares { return .wait(until: nil, rule) }
        let chased = nextCatchUp(at: now)
        let isBehind = chased.map { $0 <= now } ?? false
        if isBehind || hubNews {
            if let notBefore, now < notBefore { return .wait(until: notBefore, .backOff) }
            return .go(isBehind ? .behind : .hub)
        }
        let other = decideOnChanges(at: now)
        guard case .wait(let until, _) = other, let chased, chased < until ?? chased + .nanoseconds(1) else {
            return other
        }
        return .wait(until: max(chased, notBefore ?? chased), .backOff)
    }

    /// The first moment at which a round may start for a device that is behind.
    private func nextCatchUp(at now: Instant) -> Instant? {
        devices.filter { $0.behind && $0.power.spares == nil }.map { $0.behindFrom ?? now }.min()
    }

    private func decideOnChanges(at now: Instant) -> Verdict {
        guard let need else { return .wait(until: nil, sparing ?? .nothingChanged) }
        var wait = (need.due, Rule.settling)
        if let lastStart, lastStart + settings.minInterval > wait.0 {
            wait = (lastStart + settings.minInterval, .minInterval)
        }
        if let notBefore, notBefore > wait.0 { wait = (notBefore, .backOff) }
        return now >= wait.0 ? .go(wait.1 == .minInterval ? .interval : need.reason) : .wait(until: wait.0, wait.1)
    }

    /// What another device in this one's place would decide, whose own changes do not count: a leader that is to be
    /// spared must not keep the others from syncing for as long as its battery is low.
    package func decideElsewhere(at now: Instant) -> Verdict {
        var other = self
        guard !other.devices.isEmpty else { return decide(at: now) }
        other.devices[0] = Facts(firstChange: nil, lastChange: nil, behind: false)
        return other.decide(at: now)
    }

    /// Whether a round would bring anybody anything: without that a decision against one puts nothing off.
    package var isNeeded: Bool { hubNews || devices.contains { $0.firstChange != nil || $0.behind } }

    /// The first moment at which some device's changes are quiet, or have waited long enough, and why a round starts.
    private var need: (due: Instant, reason: RoundReason)? {
        var first: (due: Instant, reason: RoundReason)?
        for device in devices where device.power.spares == nil {
            guard let due = device.changesDue(settings), due < first?.due ?? due + .nanoseconds(1) else { continue }
            first = (due, device.trigger ?? .change)
        }
        return first
    }

    /// The rule by which a device's changes, or its being behind, start no round.
    private var sparing: Rule? {
        devices.first { ($0.firstChange != nil || $0.behind) && $0.power.spares != nil }?.power.spares
    }
}

extension RoundSchedule.Facts {
    func changesDue(_ settings: SyncSettings) -> Instant? {
        guard let firstChange, let lastChange else { return nil }
        return trigger == nil ? min(lastChange + settings.settle, firstChange + settings.maxWait) : firstChange
    }
}

/// What a device runs on and what its link costs, as far as it knows.
package struct PowerFacts: Hashable, Sendable {
    /// What is left, in percent; nil without a battery, or if nobody can tell.
    package var battery: UInt8?
    package var isCharging: Bool
    package var isMetered: Bool

    package init(battery: UInt8? = nil, isCharging: Bool = false, isMetered: Bool = false) {
        self.battery = battery
        self.isCharging = isCharging
        self.isMetered = isMetered
    }

    /// The rule that asks to spare this device; nil if none does.
    package var spares: RoundSchedule.Rule? {
        if let battery, battery < Limits.lowBattery, !isCharging { return .battery }
        return isMetered ? .metered : nil
    }
}
