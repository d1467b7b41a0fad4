import Primitives
import Testing

@testable import SyncRounds

/// The same few files in round after round (behaviours P2, P3).
@Suite struct LoopBreakerTests {
    private let start = Instant.origin + .seconds(1000)
    private let busy = Array("busy.md".utf8)
    private let log = Array("log/today".utf8)
    private let other = Array("other.md".utf8)

    /// Rounds a second apart that change `paths`; what each set aside.
    private func rounds(
        _ count: Int, _ paths: [LoopBreaker.Path], from first: Instant, every: Duration = .seconds(1),
        _ breaker: inout LoopBreaker
    ) -> [[LoopBreaker.Path]] {
        (0..<count).map { breaker.published(paths, at: first + every * $0) }
    }

    @Test func `P2 five rounds that change the same paths and no others set those aside`() {
        var breaker = LoopBreaker()
        let news = rounds(5, [log, busy, busy], from: start, &breaker)
        #expect(news == [[], [], [], [], [busy, log]])
        let fired = start + .seconds(4)
        #expect(breaker.held(at: fired) == [busy, log] && breaker.heldByCapture(at: fired) == [busy, log])
        // The others go on: what is not set aside is not held, and changing it does nothing to what is.
        #expect(breaker.published([other], at: fired + .seconds(1)) == [])
        #expect(breaker.list.map(\.path) == [busy, log])
    }

    @Test func `P2 work is no loop`() {
        var breaker = LoopBreaker()
        #expect(rounds(4, [busy], from: start, &breaker).flatMap { $0 } == [])
        // Other files in between, with the same one among them.
        for number in 0..<20 {
            let more = Array("notes/\(number)".utf8)
            #expect(breaker.published([busy, more], at: start + .seconds(10 + number)) == [])
        }
        // Five rounds, but not within two minutes.
        var slow = LoopBreaker()
        #expect(rounds(9, [busy], from: start, every: .seconds(31), &slow).flatMap { $0 } == [])
        // Too many files for a loop, and rounds that changed nothing here.
        var large = LoopBreaker()
        let many = (0...Limits.loopPaths).map { Array("file \($0)".utf8) }
        #expect(rounds(9, many, from: start, &large).flatMap { $0 } == [])
        #expect(rounds(9, [], from: start, &large).flatMap { $0 } == [])
    }

    @Test func `P2 a path goes on by itself when nobody changed it for a while`() {
        var breaker = LoopBreaker()
        _ = rounds(5, [busy], from: start, &breaker)
        let fired = start + .seconds(4)
        breaker.changed(busy, at: fired + .seconds(7))
        breaker.changed(other, at: fired + .seconds(8))
        #expect(breaker.nextDeadline(after: fired + .seconds(7)) == fired + .seconds(17))
        #expect(breaker.goOn(at: fired + .seconds(16)) == [])
        // A capture that comes anyway takes it when half of the time is over.
        #expect(breaker.heldByCapture(at: fired + .seconds(11)) == [busy])
        #expect(breaker.heldByCapture(at: fired + .seconds(12)) == [])
        #expect(breaker.held(at: fired + .seconds(16)) == [busy])
        #expect(breaker.goOn(at: fired + .seconds(17)) == [busy])
        #expect(breaker.list.isEmpty && breaker.nextDeadline(after: fired) == nil)
        // The round that takes it, and a later one, are no loop.
        #expect(breaker.published([busy], at: fired + .seconds(18)) == [])
        #expect(breaker.published([busy], at: fired + .seconds(300)) == [])
    }

    @Test func `P2 a path that never becomes quiet goes with one round a minute`() {
        var breaker = LoopBreaker()
        var taken: [Instant] = []
        for second in 0..<600 {
            let now = start + .seconds(second)
            breaker.changed(busy, at: now)
            #expect(breaker.goOn(at: now) == [])
            guard breaker.held(at: now).isEmpty else { continue }
            taken.append(now)
            _ = breaker.published([busy], at: now)
        }
        #expect(taken.count == 5 + 9)
        let pauses = zip(taken.dropFirst(5), taken.dropFirst(4)).map { $0 - $1 }
        #expect(pauses.allSatisfy { $0 == Limits.loopRest })
    }

    @Test func `P2 another device's version lets a path go on at once, and the next loop is set aside for longer`() {
        var breaker = LoopBreaker()
        _ = rounds(5, [busy], from: start, &breaker)
        let fired = start + .seconds(4)
        #expect(breaker.collided([other, busy], at: fired + .seconds(1)) == [busy])
        #expect(breaker.held(at: fired + .seconds(1)) == [])
        #expect(rounds(2, [busy], from: fired + .seconds(2), &breaker) == [[], [busy]])
        #expect(breaker.list.map(\.quiet) == [Limits.loopQuiet * 2])
        // One that is due soon goes with a capture that comes anyway, though it is not quiet.
        for second in 0..<60 { breaker.changed(busy, at: fired + .seconds(3 + second)) }
        #expect(breaker.heldByCapture(at: fired + .seconds(3 + 44)) == [busy])
        #expect(breaker.heldByCapture(at: fired + .seconds(3 + 45)) == [])
        #expect(breaker.held(at: fired + .seconds(3 + 45)) == [busy])
    }

    @Test func `W1 what was set aside together goes on together`() {
        var breaker = LoopBreaker()
        _ = rounds(5, [busy, log], from: start, &breaker)
        let fired = start + .seconds(4)
        breaker.changed(log, at: fired + .seconds(7))
        #expect(breaker.heldByCapture(at: fired + .seconds(11)) == [busy, log])
        #expect(breaker.heldByCapture(at: fired + .seconds(12)) == [])
        #expect(breaker.goOn(at: fired + .seconds(16)) == [])
        #expect(breaker.collided([busy], at: fired + .seconds(16)) == [busy, log])
        #expect(breaker.list.isEmpty)
    }

    @Test func `P2 a person lets a path go on, and five more rounds are needed`() {
        var breaker = LoopBreaker()
        _ = rounds(5, [busy, log], from: start, &breaker)
        #expect(breaker.release([busy, other]) == [busy])
        #expect(breaker.held(at: start + .seconds(5)) == [log])
        #expect(rounds(5, [busy], from: start + .seconds(6), &breaker) == [[], [], [], [], [busy]])
    }

    @Test func `P2 what a person's own round takes stays set aside, and the round is none of a loop`() {
        var breaker = LoopBreaker()
        _ = rounds(5, [busy], from: start, &breaker)
        let later = start + .seconds(6)
        for second in 0..<9 { breaker.taken([busy, other], at: later + .seconds(second)) }
        breaker.changed(busy, at: later + .seconds(9))
        #expect(breaker.held(at: later + .seconds(10)) == [busy])
        #expect(breaker.published([other], at: later + .seconds(10)) == [])
    }

    @Test func `P2 what is remembered is bounded`() {
        var breaker = LoopBreaker()
        for number in 0..<400 {
            let path = Array("file \(number)".utf8)
            _ = rounds(5, [path], from: start + .milliseconds(100 * number), every: .milliseconds(10), &breaker)
        }
        #expect(breaker.list.count == Limits.loopSetAside)
    }

    /// Two devices, each with a program that rewrites the file in its own way a second after it was changed.
    private struct Fight {
        struct Side {
            var breaker = LoopBreaker()
            var isDirty = false
            var writesAt: Instant?
        }

        var sides = [Side(), Side()]
        var rounds: [Instant] = []
        let path: LoopBreaker.Path

        /// One second.
        mutating func tick(_ now: Instant) {
            for place in sides.indices {
                if let at = sides[place].writesAt, at <= now {
                    sides[place].isDirty = true
                    sides[place].writesAt = nil
                    sides[place].breaker.changed(path, at: now)
                }
                _ = sides[place].breaker.goOn(at: now)
            }
            guard sides.contains(where: { $0.isDirty && $0.breaker.held(at: now).isEmpty }) else { return }
            rounds.append(now)
            let brings = sides.map { $0.isDirty && $0.breaker.heldByCapture(at: now).isEmpty }
            // Of two versions the first one stands; whoever gets another one than its own writes again.
            let winner = brings[0] ? 0 : 1
            for place in sides.indices {
                let isWritten = place != winner && !(sides[place].isDirty && !brings[place])
                if place != winner, sides[place].isDirty, !brings[place] {
                    _ = sides[place].breaker.collided([path], at: now)
                }
                if brings[place] { sides[place].isDirty = false }
                if isWritten { sides[place].writesAt = now + .seconds(1) }
                if isWritten || brings[place] { _ = sides[place].breaker.published([path], at: now) }
            }
        }
    }

    @Test func `P3 two formatters that rewrite the same file come to rest, and there is no storm`() {
        var fight = Fight(path: busy)
        fight.sides[0].writesAt = start
        for second in 0..<3600 { fight.tick(start + .seconds(second)) }
        // Five rounds, and then two or three at each try, which comes after 10, 20, 40 ... 300 s.
        #expect((7...50).contains(fight.rounds.count), "\(fight.rounds.count) rounds in an hour")
        let late = fight.rounds.filter { $0 > start + .seconds(1800) }
        #expect(late.count <= 3 * 6, "\(late.count) rounds in the second half hour")
        // A burst is never longer than the five that it takes to see it.
        for round in fight.rounds {
            let burst = fight.rounds.count { $0 >= round && $0 < round + .seconds(8) }
            #expect(burst <= 6)
        }
    }
}
