import DeviceCore
import Primitives
import SyncRounds

/// A day of three devices with the mesh's own settings and the real scheduler: a laptop that sleeps, a desktop on which
/// a person and a program work, and a server that writes by night.
package enum Day {
    package static let laptop = 0
    package static let desktop = 1
    package static let server = 2
    /// When the laptop sleeps.
    static let sleeps = [
        (clock(0, 1), clock(7, 30)), (clock(12, 10), clock(13, 0)), (clock(22, 40), clock(24, 0)),
    ]

    /// When the laptop's battery is low.
    static let low = clock(11, 15)..<clock(12, 5)

    private static let timing = TimingProfile(
        heartbeat: .seconds(5), election: .seconds(15)...(.seconds(30)), leaseTTL: .seconds(60),
        leaseRenewal: .seconds(15))

    private static func clock(_ hour: Int64, _ minute: Int64) -> Nanoseconds { .hours(hour) + .seconds(minute * 60) }

    /// Everybody's edits of a day, and what the laptop goes through. The seed draws when exactly.
    package static func scenario(seed: UInt64, hours: Int64 = 24) -> Scenario {
        var scenario = Scenario(seed: seed, devices: 3, faultTime: .hours(hours))
        scenario.names = ["laptop", "desktop", "server"]
        // Consensus beats slowly, so that a day is the work of a second; the scheduler's settings are the mesh's own.
        scenario.timing = timing
        scenario.network.delay = .longTail(.milliseconds(8))
        scenario.workload.gatedWriters = 0
        scenario.settings = []
        for (from, to) in sleeps { scenario.add(from, .suspend(.node(laptop), to - from)) }
        scenario.add(low.lowerBound, .supply(.node(laptop), .lowBattery, low.upperBound - low.lowerBound))
        scenario.add(clock(17, 40), .supply(.node(laptop), .metered, clock(0, 40)))
        for minute in stride(from: Int64(0), to: 40, by: 9) {
            scenario.add(clock(17, 40 + minute), .addressChange(.node(laptop), .seconds(20)))
        }
        var draw = KeyedStream(seed: seed, .planEvents, entity: 2000)
        scenario.works(laptop, clock(7, 40), clock(12, 5), every: .seconds(240), &draw)
        scenario.works(laptop, clock(13, 5), clock(18, 15), every: .seconds(300), &draw)
        scenario.works(laptop, clock(20, 30), clock(22, 30), every: .seconds(420), &draw)
        scenario.works(desktop, clock(9, 0), clock(17, 30), every: .seconds(200), &draw)
        // A program that changes files without a pause.
        scenario.works(desktop, clock(10, 0), clock(11, 30), every: .seconds(6), &draw)
        scenario.works(desktop, clock(14, 0), clock(16, 0), every: .seconds(6), &draw)
        for burst in 0..<6 { scenario.add(clock(3, Int64(burst)), .user(.node(server), .burst)) }
        for hour in Int64(0)..<24 { scenario.add(clock(hour, 30), .user(.node(server), .edit)) }
        scenario.events.sort { $0.at < $1.at }
        return scenario
    }

    /// Until after lunch, and the laptop leads when its battery becomes low.
    package static func lowLeader(seed: UInt64) -> Scenario {
        var scenario = scenario(seed: seed, hours: 13)
        scenario.add(ledFrom, .client(.node(laptop), .handoff(to: laptop)))
        scenario.events.sort { $0.at < $1.at }
        return scenario
    }

    static let ledFrom = clock(10, 50)

    /// Runs it, and what it takes to come to rest.
    package static func run(seed: UInt64, hours: Int64 = 24) -> World { run(scenario(seed: seed, hours: hours)) }

    package static func run(_ scenario: Scenario) -> World {
        var world = World(scenario)
        world.keepJournal()
        world.run()
        return world
    }
}

extension Scenario {
    fileprivate mutating func works(
        _ node: Int, _ from: Nanoseconds, _ to: Nanoseconds, every pause: Nanoseconds, _ draw: inout KeyedStream
    ) {
        var at = from + draw.interval(pause)
        while at < to {
            add(at, .user(.node(node), draw.pick([.edit, .edit, .edit, .create, .sameSizeEdit])))
            at += max(draw.interval(pause), .seconds(1))
        }
    }
}

/// What a day came to, hour by hour.
package struct DayReport: Sendable {
    package struct Hour: Sendable {
        package var edits = [Int](repeating: 0, count: 3)
        package var rounds = 0
        /// Of them: by a person, for changes, for whoever was behind.
        package var reasons: [(word: String, count: Int)] = []
        package var published = 0
        package var aborted = 0
        package var changedFiles: UInt32 = 0
        /// The longest that a change of this hour waited.
        package var longestWait: Nanoseconds = 0
        package var leader: Int?
    }

    package private(set) var hours: [Hour]
    package let journal: Journal
    package let violation: Violation?

    package init(_ world: World) {
        journal = world.journal ?? Journal()
        violation = world.violation
        hours = (0..<24).map { _ in Hour() }
        for edit in journal.edits { hours[Self.hour(edit.at)].edits[edit.node] += 1 }
        for round in journal.rounds { note(round) }
        for wait in journal.waits {
            let hour = Self.hour(wait.edited)
            hours[hour].longestWait = max(hours[hour].longestWait, wait.waited)
        }
    }

    private static func hour(_ time: TrueTime) -> Int { min(max(Int(time.nanoseconds / .hours(1)), 0), 23) }

    private mutating func note(_ round: Journal.Round) {
        let at = Self.hour(round.began)
        hours[at].rounds += 1
        hours[at].leader = round.leader
        hours[at].changedFiles &+= round.changedFiles
        if let place = hours[at].reasons.firstIndex(where: { $0.word == round.reason.rawValue }) {
            hours[at].reasons[place].count += 1
        } else {
            hours[at].reasons.append((round.reason.rawValue, 1))
        }
        switch round.result {
        case .published: hours[at].published += 1
        case .aborted: hours[at].aborted += 1
        case .nothingToDo, .caughtUp, nil: break
        }
    }

    /// How long a change may wait while its machine is awake and need not be spared: the mesh's own patience, and a
    /// minute for a round that has to be tried again.
    package static var patience: Nanoseconds {
        let settings = SyncSettings()
        return (settings.minInterval + settings.maxWait + .seconds(60)).wholeNanoseconds
    }

    /// Changes that waited for longer.
    package var starved: [Journal.Wait] { journal.waits.filter { $0.waited > Self.patience } }

    /// Rounds of the schedule's own accord that came sooner after the one before, of the same leader, than they may.
    package var hasty: [Journal.Round] {
        let own = journal.rounds.filter { $0.reason == .change || $0.reason == .interval }
        let least = SyncSettings().minInterval.wholeNanoseconds
        return zip(own, own.dropFirst()).filter { before, next in
            before.leader == next.leader && next.began - before.began < least - .seconds(1)
        }.map(\.1)
    }

    /// Rounds without news: nothing was changed, and nobody was behind.
    package var idle: [Journal.Round] { journal.rounds.filter { $0.result == .nothingToDo } }

    /// Nothing broke, every change was published in its time, and rounds kept their distance.
    package var isOrderly: Bool {
        violation == nil && starved.isEmpty && hasty.isEmpty && journal.waiting == 0
    }
}
