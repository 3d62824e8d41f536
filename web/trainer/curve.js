// The loss over the steps: pale points, and a line of their average.
const LEFT = 44;
const RIGHT = 10;
const TOP = 10;
const BOTTOM = 20;

/** Points are [step, loss, average]; the highest 2 % of losses are cut off at the top. */
export function drawCurve(canvas, points, steps, colors) {
  const { clientWidth: width, clientHeight: height } = canvas;
  const density = Math.max(2, window.devicePixelRatio || 1);
  canvas.width = width * density;
  canvas.height = height * density;
  const paper = canvas.getContext("2d");
  paper.scale(density, density);
  if (!points.length || !width) return;

  const [low, high] = limits(points);
  const x = (step) => LEFT + ((width - LEFT - RIGHT) * (step - 1)) / Math.max(1, steps - 1);
  const y = (loss) => TOP + (height - TOP - BOTTOM) * (1 - (Math.min(loss, high) - low) / (high - low));

  paper.font = "10px system-ui, sans-serif";
  paper.strokeStyle = colors.line;
  paper.fillStyle = colors.faint;
  paper.textBaseline = "middle";
  paper.textAlign = "right";
  for (const share of [0, 0.5, 1]) {
    const loss = low + (high - low) * share;
    const at = Math.round(y(loss)) + 0.5;
    paper.beginPath();
    paper.moveTo(LEFT, at);
    paper.lineTo(width - RIGHT, at);
    paper.stroke();
    paper.fillText(loss.toFixed(high < 1 ? 3 : 2), LEFT - 6, at);
  }
  paper.textBaseline = "alphabetic";
  for (const [step, side] of [[1, "left"], [steps, "right"]]) {
    paper.textAlign = side;
    paper.fillText(String(step), x(step), height - 6);
  }

  paper.fillStyle = colors.hot;
  paper.globalAlpha = 0.35;
  for (const [step, loss] of points) {
    paper.beginPath();
    paper.arc(x(step), y(loss), 1.5, 0, 2 * Math.PI);
    paper.fill();
  }
  paper.globalAlpha = 1;
  paper.strokeStyle = colors.hot;
  paper.lineWidth = 2;
  paper.lineJoin = "round";
  paper.beginPath();
  for (const [step, , average] of points) paper.lineTo(x(step), y(average));
  paper.stroke();
}

function limits(points) {
  const losses = points.map(([, loss]) => loss).sort((a, b) => a - b);
  const low = losses[0];
  const averages = points.map(([, , average]) => average);
  const high = Math.max(losses[Math.ceil((losses.length - 1) * 0.98)], ...averages);
  return [Math.min(low, ...averages), high > low ? high : low + 1e-6];
}
