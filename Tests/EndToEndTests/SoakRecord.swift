import Foundation
import Primitives

/// Everything that was written during a soak, kept outside of the mesh.
final class SoakRecord: @unchecked Sendable {
    // Proof: everything below is only touched under the lock.
    private let lock = NSLock()
    private var last: [String: (text: String?, time: ContinuousClock.Instant)] = [:]
    private var counts: [String: Int] = [:]
    private var captures: [Set<String>]

    init(devices: Int) { captures = Array(repeating: [], count: devices) }

    /// A write, or with nil a deletion, that was done.
    func wrote(_ path: String, _ text: String?) {
        lock.withLock {
            last[path] = (text, .now)
            counts["writes", default: 0] += 1
        }
    }

    func count(_ what: String, _ number: Int = 1) { lock.withLock { counts[what, default: 0] += number } }

    /// The newest capture of a device, as its store names it.
    func saw(capture: String, of device: Int) { lock.withLock { _ = captures[device].insert(capture) } }

    /// By path, what was written there last; nil: it was deleted.
    var lastTexts: [String: String?] { lock.withLock { last.mapValues(\.text) } }
    func captures(of device: Int) -> Set<String> { lock.withLock { captures[device] } }
    var summary: String {
        lock.withLock { counts.sorted { $0.key < $1.key }.map { "\($0.value) \($0.key)" }.joined(separator: ", ") }
    }
}

/// Writers share a device; somebody whose git wants a clean tree has it alone for a while.
actor SoakTurn {
    private var inside = 0
    private var isTaken = false

    func enter() async throws {
        while isTaken { try await Task.sleep(for: .milliseconds(10)) }
        inside += 1
    }
    func leave() { inside -= 1 }

    func take() async throws {
        while isTaken { try await Task.sleep(for: .milliseconds(10)) }
        isTaken = true
        while inside > 0 { try await Task.sleep(for: .milliseconds(5)) }
    }
    func giveBack() { isTaken = false }
}

/// One of the nine writers: rewrites small files of its own, appends to a log, and now and then writes to a file that
/// all share.
struct SoakWriter: Sendable {
    let place: Int
    let number: Int
    let member: Mesh.Member
    let record: SoakRecord
    let turn: SoakTurn
    let seed: UInt64

    func run(until end: ContinuousClock.Instant) async throws {
        var generator = SeededGenerator(seed: seed)
        let section = number == 2 ? try? await SectionWriter(home: member.home, name: "soak-\(place)") : nil
        var log = ""
        var step = 0
        while ContinuousClock.now < end {
            step += 1
            try await turn.enter()
            let text = "\(place).\(number) step \(step) \(generator.next())\n"
            switch generator.below(10) {
            case 0: try write("shared/note-\(generator.below(4)).txt", text)
            case 1, 2:
                log += text
                try write("logs/\(place)-\(number).jsonl", log)
            case 3 where section != nil:
                try await section?.inSection {
                    for file in 0..<5 { try write("groups/\(place)/part-\(file)", text) }
                }
            default: try write("writers/\(place)-\(number)/file-\(generator.below(12)).txt", text)
            }
            await turn.leave()
            try await Task.sleep(for: generator.duration(in: .milliseconds(30) ... .milliseconds(400)))
        }
        await section?.end()
    }

    private func write(_ path: String, _ text: String) throws {
        try put(text, at: member.workspace + "/" + path)
        record.wrote(path, text)
    }
}
