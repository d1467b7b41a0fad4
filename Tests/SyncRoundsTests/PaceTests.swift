import Primitives
import Testing

@testable import SyncRounds

/// Triggers, batteries and links, and what the scheduler says rule by rule (behaviours P4, P6).
@Suite struct PaceTests {
    let now = Instant.origin + .seconds(1000)

    func dirty(_ name: String, since: Duration, _ power: PowerFacts = PowerFacts()) -> RoundSchedule.Facts {
        var facts = RoundSchedule.Facts(firstChange: now - since, lastChange: now, behind: false)
        facts.name = name
        facts.pendingFiles = 2
        facts.power = power
        return facts
    }

    func schedule(_ devices: [RoundSchedule.Facts], lastStart: Instant? = nil) -> RoundSchedule {
        RoundSchedule(
            settings: SyncSettings(), manual: false, lastStart: lastStart, notBefore: nil, devices: devices)
    }

    let low = PowerFacts(battery: 19)
    let metered = PowerFacts(isMetered: true)

    @Test(arguments: [RoundReason.startup, .wake, .exit])
    func `P4 startup, wake and exit wait for no quiet, but for the minimum interval`(_ trigger: RoundReason) {
        var device = dirty("laptop", since: .seconds(1))
        #expect(schedule([device]).decide(at: now) == .wait(until: now + .seconds(2), .settling))
        device.trigger = trigger
        #expect(schedule([device]).decide(at: now) == .go(trigger))
        let start = now - .seconds(10)
        #expect(
            schedule([device], lastStart: start).decide(at: now) == .wait(until: start + .seconds(300), .minInterval))
    }

    @Test func `P4 a stop holds back whoever asks`() {
        var stopped = schedule([dirty("laptop", since: .seconds(90))])
        stopped.manual = true
        stopped.isStopped = true
        #expect(stopped.decide(at: now) == .wait(until: nil, .stopped))
    }

    @Test func `P6 on a leader with a low battery or a metered link only a person starts a round`() {
        for (power, rule) in [(low, RoundSchedule.Rule.battery), (metered, .metered)] {
            var schedule = schedule([dirty("laptop", since: .seconds(90), power), dirty("nas", since: .seconds(90))])
            #expect(schedule.decide(at: now) == .wait(until: nil, rule))
            schedule.manual = true
            #expect(schedule.decide(at: now) == .go(.manual))
        }
    }

    @Test func `P6 a spared device starts no round, and the changes of the others do not wait for it`() {
        let desktop = RoundSchedule.Facts(firstChange: nil, lastChange: nil, behind: false)
        let laptop = dirty("laptop", since: .seconds(90), low)
        #expect(schedule([desktop, laptop]).decide(at: now) == .wait(until: nil, .battery))
        #expect(schedule([desktop, laptop, dirty("nas", since: .seconds(90))]).decide(at: now) == .go(.change))
    }

    @Test func `P6 charging, enough charge and what nobody knows are no objection`() {
        #expect(PowerFacts(battery: 5, isCharging: true).spares == nil)
        #expect(PowerFacts(battery: 20).spares == nil)
        #expect(PowerFacts().spares == nil)
    }

    @Test func `P4 the table has each rule once and names the one that decides`() {
        let table = schedule([dirty("desktop", since: .seconds(1))]).table(at: now)
        #expect(table.rows.map(\.rule) == RoundSchedule.Rule.allCases)
        #expect(table.deciding == .settling)
        let rows = table.rows.filter { [.nothingChanged, .settling].contains($0.rule) }
        #expect(rows.map(\.value) == ["2 files on desktop", "1 s"])
        #expect(rows.map(\.limit) == ["-", "60 s"])
        #expect(rows.map(\.says) == [.go, .wait])
    }

    @Test func `P4 whatever rule makes a round wait says so in its own row`() {
        let start = now - .seconds(10)
        var cases = [schedule([]), schedule([dirty("a", since: .seconds(90))], lastStart: start)]
        cases += [low, metered].map { schedule([dirty("a", since: .seconds(90), $0)]) }
        for change in [\RoundSchedule.isStopped, \RoundSchedule.settings.automatic, \RoundSchedule.isLeading] {
            var schedule = schedule([dirty("a", since: .seconds(90))])
            schedule[keyPath: change].toggle()
            cases.append(schedule)
        }
        var failed = schedule([dirty("a", since: .seconds(90))])
        failed.notBefore = now + .seconds(4)
        for schedule in cases + [failed] {
            let table = schedule.table(at: now)
            guard case .wait(_, let rule) = table.verdict else {
                Issue.record("\(table.verdict)")
                continue
            }
            #expect(table.rows.first { $0.rule == rule }?.says != .go)
        }
    }
}
