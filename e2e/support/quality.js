/** What viewers told of playback so far, as the broadcaster is answered. */
export async function quality(owner, { id }) {
  const metrics = ["startup_time", "rebuffer_ratio", "playback_failures"];
  const { body } = await owner.get(`/api/sessions/${id}/analytics?metrics=${metrics}`).expect(200);
  const [startup, rebuffer, failures] = metrics.map((metric) => body.metrics[metric].total);
  return {
    viewers: failures.viewers,
    startup: startup.value,
    played: rebuffer.played,
    stalls: rebuffer.stalls,
  };
}
