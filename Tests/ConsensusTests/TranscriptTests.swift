import Foundation
import Primitives
import Testing

@testable import Consensus

/// `transcripts/*.txt`: blocks of commands, `----`, and what they printed. `REWRITE=1` writes the outputs anew; review
/// the difference. The commands are the cases of `Transcript.run`.
@Suite("Transcripts") struct TranscriptTests {
    static let folder = URL(filePath: #filePath).deletingLastPathComponent().appending(path: "transcripts")
    static let names = ((try? FileManager.default.contentsOfDirectory(atPath: folder.path)) ?? [])
        .filter { $0.hasSuffix(".txt") }.sorted()

    @Test("There are transcripts") func some() { #expect(Self.names.count >= 5) }

    @Test("Every transcript prints what it printed", arguments: names)
    func replay(name: String) throws {
        let file = Self.folder.appending(path: name)
        let text = try String(contentsOf: file, encoding: .utf8)
        var transcript = Transcript()
        let printed = try transcript.replay(text)
        if ProcessInfo.processInfo.environment["REWRITE"] == "1" {
            try printed.write(to: file, atomically: true, encoding: .utf8)
        } else {
            #expect(printed == text)
        }
    }
}

/// Reads and carries out the commands of one file.
struct Transcript {
    var network = Network(1)
    private var seenEvents = 0
    private var seenConfirmed = 0
    private var seenRefused = 0

    struct Unknown: Error { var command: String }

    mutating func replay(_ text: String) throws -> String {
        var printed: [String] = []
        var isOutput = false
        for line in text.split(separator: "\n", omittingEmptySubsequences: false) {
            if line == "----" { isOutput = true }
            if line.isEmpty { isOutput = false }
            if isOutput, line != "----" { continue }
            printed.append(String(line))
            if line == "----" { printed += try outputOf(printed) }
        }
        return printed.joined(separator: "\n")
    }

    /// Runs the commands since the last empty line.
    private mutating func outputOf(_ printed: [String]) throws -> [String] {
        let block = printed.dropLast().reversed().prefix { !$0.isEmpty && $0 != "----" }.reversed()
        var output: [String] = []
        for line in block where !line.hasPrefix("#") {
            output += try run(line.split(separator: " ").map(String.init))
            output += news()
        }
        return output
    }

    private mutating func run(_ words: [String]) throws -> [String] {
        let numbers = words.dropFirst().compactMap { UInt64($0) }
        switch (words.first ?? "", numbers.count) {
        case ("mesh", 2):
            self = Transcript()
            network = Network(Int(numbers[0]), voters: Int(numbers[1]))
        case ("wait", 1): network.now = network.now + .milliseconds(Int64(numbers[0]))
        case ("tick", 1): network.input(numbers[0], .tick)
        case ("propose", 2): network.input(numbers[0], .propose(numbers[1]))
        case ("read", 2): network.input(numbers[0], .confirmLeadership(numbers[1]))
        case ("transfer", 2): network.input(numbers[0], .transferLeadership(to: id(numbers[1])))
        case ("refound", 1): network.input(numbers[0], .refound(network.nodes[network.place(numbers[0])].applied))
        case ("rejoin", 1): network.input(numbers[0], .rejoin([]))
        case ("sleep", 1): network.input(numbers[0], .slept)
        case ("link", 2): network.input(numbers[0], .linkUp(id(numbers[1])))
        case ("member", 1): network.input(numbers[0], .changeMembership(membership(words)))
        case ("compact", 1):
            let node = network.nodes[network.place(numbers[0])]
            network.input(numbers[0], .compact(upTo: node.appliedIndex, image: node.applied))
        case ("crash", 1): network.crash(network.place(numbers[0]))
        case ("start", 1): network.start(network.place(numbers[0]))
        case ("lose", 0): network.wire = []
        case ("cut", 1): network.cut.append(id(numbers[0]))
        case ("heal", 0): network.cut = []
        case ("run", 1): return run(milliseconds: numbers[0])
        case ("deliver", 0): return deliver(one: false)
        case ("deliver-once", 0): return deliver(one: true)
        case ("show", 0): return network.nodes.map(state)
        default: throw Unknown(command: words.joined(separator: " "))
        }
        return []
    }

    /// `member 1 v=1,2 l=3`
    private func membership(_ words: [String]) -> Membership {
        let lists = words.map { word in
            word.drop { $0 != "=" }.dropFirst().split(separator: ",").compactMap { UInt64($0) }.map(id)
        }
        let voters = words.firstIndex { $0.hasPrefix("v=") }.map { lists[$0] } ?? []
        let learners = words.firstIndex { $0.hasPrefix("l=") }.map { lists[$0] } ?? []
        return Membership(voters: voters, learners: learners)
    }

    private mutating func deliver(one: Bool) -> [String] {
        var lines: [String] = []
        var left = one ? network.wire.count : 500
        while let packet = network.wire.first, left > 0 {
            left -= 1
            network.wire.removeFirst()
            lines.append("\(packet.from.name)->\(packet.to.name) \(packet.message.line)")
            network.receive(packet)
            lines += news()
        }
        return lines
    }

    /// Time passes; only what happened is printed, not the messages.
    private mutating func run(milliseconds: UInt64) -> [String] {
        network.run(.milliseconds(Int64(milliseconds)))
        return news()
    }

    /// What was said since the last time.
    private mutating func news() -> [String] {
        var lines = network.events.dropFirst(seenEvents).map { "  \($0.device.name): \($0.event.line)" }
        lines += network.confirmed.dropFirst(seenConfirmed).map {
            "  \($0.device.name): read \($0.answer.id) at \($0.answer.index)"
        }
        lines += network.refused.dropFirst(seenRefused).map { "  \($0.device.name): refused \($0.refusal.line)" }
        seenEvents = network.events.count
        seenConfirmed = network.confirmed.count
        seenRefused = network.refused.count
        return lines
    }

    private func state(_ node: Node) -> String {
        guard let raft = node.raft else { return "\(node.device.name) down" }
        let log = raft.storedEntries.map { "\($0.index):\($0.term)" }.joined(separator: " ")
        return "\(node.device.name) \(raft.role) term=\(raft.term) leader=\(raft.leader?.name ?? "-") "
            + "commit=\(raft.commitIndex) \(raft.membership.line) log=[\(log)] applied=\(node.applied)"
    }
}
