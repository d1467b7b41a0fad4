import Primitives
import Testing

@testable import WriterGate

/// A gate with a clock that the test moves.
struct Model {
    var gate = GateState(grace: .milliseconds(500), longest: .seconds(60))
    var now = Instant(sinceOrigin: .seconds(1000))

    @discardableResult
    mutating func step(_ input: GateState.Input) -> [GateState.Action] {
        var actions: [GateState.Action] = []
        gate.step(input, at: now, into: &actions)
        return actions
    }

    mutating func wait(_ duration: Duration) -> [GateState.Action] {
        now = now + duration
        return step(.tick)
    }

    func report(_ actions: [GateState.Action]) -> GateReport? {
        for case .closeEnded(_, let report) in actions { return report }
        return nil
    }
}

@Suite struct GateStateTests {
    private func withWriters(_ count: UInt64) -> Model {
        var model = Model()
        for id in 1...count { model.step(.registered(writer: id, name: "w\(id)", .client)) }
        return model
    }

    @Test func `W1 only answers count and the rest is named`() {
        var model = withWriters(3)
        let asked = model.step(.close(round(1), limit: .seconds(8), request: 9))
        #expect(asked.filter { if case .ask = $0 { true } else { false } }.count == 3)
        #expect(model.step(.paused(writer: 1, pause: 1)) == [])
        #expect(model.step(.paused(writer: 3, pause: 7)) == [], "an answer to another pause counts for nothing")
        let report = model.report(model.wait(.milliseconds(500)))
        #expect(report == GateReport(paused: ["w1"], unanswered: ["w2", "w3"], closedAt: model.now))
    }

    @Test func anEmptyGateClosesAtOnceAndALastAnswerClosesIt() {
        var empty = Model()
        let closed = empty.step(.close(round(1), limit: .seconds(8), request: 1))
        #expect(empty.report(closed) == GateReport(paused: [], unanswered: [], closedAt: empty.now))
        var model = withWriters(2)
        model.step(.close(round(1), limit: .seconds(8), request: 1))
        model.step(.paused(writer: 1, pause: 1))
        #expect(model.report(model.step(.paused(writer: 2, pause: 1)))?.paused == ["w1", "w2"])
    }

    @Test func aSectionHoldsTheGateUntilItIsLeft() {
        var model = withWriters(1)
        let entered = model.step(.enter(writer: 1, request: 5, wait: .zero, lifetime: .seconds(60)))
        #expect(entered == [.entered(request: 5, section: 1)])
        model.step(.close(round(1), limit: .seconds(8), request: 1))
        #expect(model.step(.paused(writer: 1, pause: 1)) == [], "an answer from within a section")
        #expect(model.step(.enter(writer: 1, request: 6, wait: .seconds(5), lifetime: .seconds(60))) == [])
        #expect(model.report(model.step(.leave(writer: 1, section: 1)))?.paused == ["w1"])
        #expect(model.step(.open(round(1))).contains(.entered(request: 6, section: 2)))
    }

    @Test func entriesWaitInOrderAndTimeOut() {
        var model = withWriters(2)
        model.step(.close(round(1), limit: .seconds(8), request: 1))
        #expect(
            model.step(.enter(writer: 1, request: 1, wait: .zero, lifetime: .seconds(1)))
                == [.refused(request: 1, .timedOut(round(1)))])
        for request in [4, 2, 3] as [UInt64] {
            let writer = request % 2 + 1
            model.step(
                .enter(writer: writer, request: request, wait: .seconds(request == 2 ? 1 : 5), lifetime: .seconds(1)))
        }
        #expect(model.wait(.seconds(1)).contains(.refused(request: 2, .timedOut(round(1)))))
        let granted = model.step(.open(round(1))).compactMap { action -> UInt64? in
            if case .entered(let request, _) = action { request } else { nil }
        }
        #expect(granted == [4, 3])
        #expect(model.wait(.seconds(1)) == [] && model.gate.writers.allSatisfy { $0.sections.isEmpty })
    }

    @Test func `W3 the deadline opens whatever else happens`() {
        var model = withWriters(2)
        model.step(.close(round(1), limit: .seconds(8), request: 1))
        model.step(.paused(writer: 1, pause: 1))
        #expect(model.gate.nextDeadline == model.now + .milliseconds(500))
        _ = model.wait(.milliseconds(600))
        model.now = model.now + .seconds(8)
        let late = model.step(.paused(writer: 2, pause: 1))
        #expect(late.contains(.openedEarly(round(1), .deadline)) && model.gate.phase == .open)
        #expect(late.first == .openedEarly(round(1), .deadline))
    }

    @Test func `W5 writers go on before the file of the gate is written, and whoever watches the pause hears first`() {
        let group = ProcessGroupID(group: 4711, leaderStart: 7)
        var model = withWriters(1)
        model.step(.registered(writer: 2, name: "wrapped", .wrapped(group)))
        model.step(.close(round(1), limit: .seconds(8), request: 1))
        for writer in [1, 2] as [UInt64] { model.step(.paused(writer: writer, pause: 1)) }
        model.step(.enter(writer: 1, request: 2, wait: .seconds(5), lifetime: .seconds(1)))
        let actions = model.step(.emergency)
        #expect(actions.first == .openedEarly(round(1), .emergency))
        #expect(actions.last == .showOpen)
        #expect(actions.contains(.thaw(group)) && actions.contains(.entered(request: 2, section: 1)))
    }

    @Test func aStaleRoundNeitherOpensNorClosesNorExtends() {
        var model = withWriters(1)
        model.step(.close(round(2), limit: .seconds(8), request: 1))
        model.step(.paused(writer: 1, pause: 1))
        #expect(model.step(.open(round(1))) == [])
        #expect(model.step(.extend(round(1), limit: .seconds(50))) == [])
        #expect(model.report(model.step(.close(round(1), limit: .seconds(8), request: 2))) == .notClosed)
        #expect(model.gate.phase.pause?.round == round(2))
        #expect(model.wait(.seconds(8)).contains(.openedEarly(round(2), .deadline)))
    }

    @Test func aSecondPauseOfARoundNeedsAnAnswerOfItsOwn() {
        var model = withWriters(1)
        model.step(.close(round(1), limit: .seconds(8), request: 1))
        model.step(.paused(writer: 1, pause: 1))
        model.step(.open(round(1)))
        model.step(.close(round(1), limit: .seconds(8), request: 2))
        #expect(model.step(.paused(writer: 1, pause: 1)) == [])
        #expect(model.report(model.step(.paused(writer: 1, pause: 2)))?.paused == ["w1"])
    }

    @Test func extensionsEndAtTheLongestPause() {
        var model = Model()
        model.step(.close(round(1), limit: .seconds(8), request: 1))
        for _ in 0..<20 {
            _ = model.wait(.seconds(4))
            if model.gate.phase == .open { break }
            model.step(.extend(round(1), limit: .seconds(8)))
            model.step(.close(round(2), limit: .seconds(8), request: 2))
        }
        #expect(model.now.sinceOrigin == .seconds(1060))
    }

    @Test func aWriterThatEndsHasLeftAndItsStoppedGroupIsContinued() {
        let group = ProcessGroupID(group: 4242, leaderStart: 7)
        var model = withWriters(1)
        model.step(.registered(writer: 2, name: "wrapped", .wrapped(group)))
        model.step(.close(round(1), limit: .seconds(8), request: 1))
        model.step(.paused(writer: 2, pause: 1))
        #expect(model.report(model.step(.disappeared(writer: 1)))?.paused == ["wrapped"])
        let gone = model.step(.disappeared(writer: 2))
        #expect(gone.contains(.thaw(group)) && gone.last == .showOpen)
        #expect(gone.first == .openedEarly(round(1), .writerResumed("wrapped")) && model.gate.phase == .open)
    }

    /// Any inputs in any order: no gate is closed past its deadline, no writer that answered enters before the release,
    /// every `close` and every entry is answered at most once, and in the end exactly once.
    @Test(arguments: 0..<40 as Range<UInt64>) func anyInputsKeepTheRules(seed: UInt64) {
        var generator = SeededGenerator(seed: seed)
        var model = Model()
        var open: Set<UInt64> = []
        var lastRequest: UInt64 = 0
        for _ in 0..<500 {
            model.now = model.now + .milliseconds(Int64(generator.below(400)))
            let input = randomInput(&generator, model, &lastRequest, &open)
            let answeredBefore = Set(model.gate.writers.filter { $0.answer == .paused }.map(\.id))
            let before = model.gate
            let actions = model.step(input)
            check(actions, before, model, answeredBefore, &open)
        }
        for _ in 0..<2 {
            // The first opens the gate and admits who waits, the second ends their sections.
            model.now = model.now + .seconds(400)
            for action in model.step(.tick) { close(action, &open) }
        }
        #expect(open.isEmpty, "requests \(open.sorted()) of seed \(seed) have no answer")
        #expect(model.gate.phase == .open && model.gate.nextDeadline == nil)
    }

    private func check(
        _ actions: [GateState.Action], _ before: GateState, _ model: Model, _ answered: Set<UInt64>,
        _ open: inout Set<UInt64>
    ) {
        if let pause = model.gate.phase.pause {
            #expect(pause.deadline > model.now && pause.deadline <= pause.since + .seconds(60))
            #expect((model.gate.nextDeadline ?? .origin) <= pause.deadline)
        }
        let released = before.phase.pause == nil || actions.contains(.showOpen)
        if !released {
            for action in actions {
                if case .entered = action { Issue.record("entered a closed gate") }
            }
            for writer in model.gate.writers where answered.contains(writer.id) {
                #expect(writer.sections.isEmpty)
            }
        }
        for action in actions { close(action, &open) }
    }

    private func close(_ action: GateState.Action, _ open: inout Set<UInt64>) {
        switch action {
        case .closeEnded(let request, _), .entered(let request, _), .refused(let request, _):
            #expect(open.remove(request) != nil, "request \(request) is answered twice")
        case .showClosed, .showOpen, .ask, .resume, .thaw, .openedEarly: break
        }
    }

    private func randomInput(
        _ generator: inout SeededGenerator, _ model: Model, _ lastRequest: inout UInt64, _ open: inout Set<UInt64>
    ) -> GateState.Input {
        let writer = generator.below(5)
        let pause = (model.gate.phase.pause?.number ?? 1) &- generator.below(2)
        let span = Duration.milliseconds(Int64(generator.below(9000)))
        switch generator.below(12) {
        case 0:
            let group = ProcessGroupID(group: Int32(writer) + 100, leaderStart: 1)
            return .registered(writer: writer, name: "w\(writer)", writer < 2 ? .wrapped(group) : .client)
        case 1: return generator.chance(perMillion: 300_000) ? .disappeared(writer: writer) : .tick
        case 2, 3:
            lastRequest += 1
            open.insert(lastRequest)
            return .enter(writer: writer, request: lastRequest, wait: span, lifetime: span)
        case 4:
            let section = model.gate.writers.first { $0.id == writer }?.sections.first?.number ?? 1
            return .leave(writer: writer, section: section)
        case 5: return .renew(writer: writer, section: generator.below(40), lifetime: span)
        case 6, 7: return .paused(writer: writer, pause: pause)
        case 8: return generator.chance(perMillion: 200_000) ? .resumed(writer: writer, pause: pause) : .tick
        case 9:
            lastRequest += 1
            open.insert(lastRequest)
            return .close(round(generator.below(6)), limit: span, request: lastRequest)
        case 10: return .extend(round(generator.below(6)), limit: span)
        default: return generator.chance(perMillion: 50_000) ? .emergency : .open(round(generator.below(6)))
        }
    }
}
