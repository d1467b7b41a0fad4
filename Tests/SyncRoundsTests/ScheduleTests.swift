import Primitives
import Testing

@testable import SyncRounds

/// When a round starts, and why (behaviours P1, P4).
@Suite struct ScheduleTests {
    let now = Instant.origin + .seconds(1000)

    func decide(
        _ devices: [RoundSchedule.Facts], manual: Bool = false, lastStart: Instant? = nil, notBefore: Instant? = nil,
        _ change: (inout SyncSettings) -> Void = { _ in }
    ) -> RoundSchedule.Verdict {
        var settings = SyncSettings()
        change(&settings)
        return RoundSchedule(
            settings: settings, manual: manual, lastStart: lastStart, notBefore: notBefore, devices: devices
        ).decide(at: now)
    }

    func dirty(first: Duration, last: Duration) -> RoundSchedule.Facts {
        RoundSchedule.Facts(firstChange: now - first, lastChange: now - last, behind: false)
    }

    let clean = RoundSchedule.Facts(firstChange: nil, lastChange: nil, behind: false)
    let behind = RoundSchedule.Facts(firstChange: nil, lastChange: nil, behind: true)

    @Test("P1 nothing changed: no round, and nothing to wait for")
    func nothingChanged() { #expect(decide([clean, clean]) == .wait(until: nil, .nothingChanged)) }

    @Test("P4 a person's wish beats every rule")
    func manual() {
        #expect(decide([clean], manual: true, lastStart: now, notBefore: now + .seconds(60)) == .go(.manual))
    }

    @Test("P4 a change waits for quiet")
    func settling() {
        #expect(decide([dirty(first: .seconds(1), last: .seconds(1))]) == .wait(until: now + .seconds(1), .settling))
        #expect(decide([dirty(first: .seconds(9), last: .seconds(2))]) == .go(.change))
    }

    @Test("P4 a writer that never stops does not hold its changes back for ever")
    func maxWait() {
        #expect(decide([dirty(first: .seconds(60), last: .zero)]) == .go(.change))
        #expect(decide([dirty(first: .seconds(59), last: .zero)]) == .wait(until: now + .seconds(1), .settling))
    }

    @Test("C4 a writer that changes a file every 500 ms for ten minutes does not starve: a capture a minute")
    func noStarvation() {
        var settings = SyncSettings()
        settings.minInterval = .seconds(1)
        var device = RoundSchedule.Facts(firstChange: nil, lastChange: nil, behind: false)
        var lastStart: Instant?
        var captures = 0
        for tick in 0..<1200 {
            let at = now + .milliseconds(tick * 500)
            device.firstChange = device.firstChange ?? at
            device.lastChange = at
            let schedule = RoundSchedule(
                settings: settings, manual: false, lastStart: lastStart, notBefore: nil, devices: [device])
            guard case .go = schedule.decide(at: at) else { continue }
            captures += 1
            lastStart = at
            device.firstChange = nil
        }
        #expect(captures >= 9)
    }

    @Test("P4 automatic rounds keep their distance")
    func minInterval() {
        let change = dirty(first: .seconds(9), last: .seconds(9))
        let start = now - .seconds(100)
        #expect(decide([change], lastStart: start) == .wait(until: start + .seconds(300), .minInterval))
        #expect(decide([change], lastStart: start) { $0.minInterval = .seconds(100) } == .go(.interval))
        #expect(decide([change], lastStart: start) { $0.minInterval = .seconds(50) } == .go(.change))
    }

    @Test("P4 a clean device that is behind is caught up at once, but not in a storm")
    func catchUp() {
        #expect(decide([clean, behind], lastStart: now) == .go(.behind))
        #expect(decide([clean, behind], notBefore: now + .seconds(1)) == .wait(until: now + .seconds(1), .backOff))
    }

    @Test("P5 after a failure a change waits for the back-off")
    func backOff() {
        let change = dirty(first: .seconds(9), last: .seconds(9))
        #expect(decide([change], notBefore: now + .seconds(8)) == .wait(until: now + .seconds(8), .backOff))
    }

    @Test(arguments: [
        ("250ms", Duration.milliseconds(250)), ("1s", .seconds(1)), ("5m", .seconds(300)), ("2h", .seconds(7200)),
        ("1d", .seconds(86_400)), ("0s", .zero),
    ])
    func settingsAreReadAndPrinted(text: String, value: Duration) {
        #expect(Duration(setting: text) == value)
        #expect(Duration(setting: value.settingText) == value)
    }

    @Test(arguments: ["", "s", "5", "-1s", "1.5s", "5 m", "99999999999999999999s", "400d", "1w", "٣s"])
    func whatIsNoDurationIsRefused(text: String) { #expect(Duration(setting: text) == nil) }

    @Test func aSettingOutsideOfItsRangeChangesNothing() {
        let wrong = [Setting(key: "sync.min-interval", value: "10ms"), Setting(key: "no.such-key", value: "1s")]
        #expect(SyncSettings(wrong) == SyncSettings())
        #expect(SyncSettings([Setting(key: "sync.min-interval", value: "1s")]).minInterval == .seconds(1))
        #expect(SyncSettings([]) == SyncSettings())
    }

    @Test func withAutomaticOffOnlyAPersonStartsARound() {
        let device = RoundSchedule.Facts(firstChange: .origin, lastChange: .origin, behind: true)
        var schedule = RoundSchedule(
            settings: SyncSettings([Setting(key: "sync.automatic", value: "off")]), manual: false, lastStart: nil,
            notBefore: nil, devices: [device])
        #expect(schedule.decide(at: Instant(sinceOrigin: .seconds(9999))) == .wait(until: nil, .automaticOff))
        schedule.manual = true
        #expect(schedule.decide(at: .origin) == .go(.manual))
    }
}
