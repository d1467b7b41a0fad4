import Testing

@testable import SimulateCommand

@Suite struct ArgumentTests {
    @Test func `durations are read, others refused`() {
        #expect(SimulateCommand.nanoseconds("90s") == 90_000_000_000)
        #expect(SimulateCommand.nanoseconds("5 minutes") == nil)
    }
}
