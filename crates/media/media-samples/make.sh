#!/bin/sh
# Makes the loops that `tallylight demo` plays. Everything is computed by ffmpeg (5.1 or later, with libx264): no
# third-party picture or sound is in them, so nobody else has rights in them.
#
# Each lasts 16 s: 480 pictures in 16 closed GOPs of one second, and exactly 750 AAC frames, so that a loop that is
# played over and over stays in step. 640x360 at 30 fps, H.264 Main, AAC LC stereo at 48 kHz. Only `aurora` has B-frames,
# because they keep a stream from WebRTC viewers and so should be met in a demonstration once.
set -eu
cd "$(dirname "$0")"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# chord FREQUENCY FREQUENCY FREQUENCY: swells every four seconds, is silent where the loop closes, beats between the ears.
chord() {
    swell="0.16*pow(sin(PI*mod(t\,4)/4)\,2)"
    left="$swell*(sin(2*PI*$1*t)+0.6*sin(2*PI*$2*t)+0.4*sin(2*PI*$3*t))"
    right="$swell*(sin(2*PI*($1+0.25)*t)+0.6*sin(2*PI*($2+0.25)*t)+0.4*sin(2*PI*($3+0.25)*t))"
    ffmpeg -y -hide_banner -loglevel error -f lavfi -i "aevalsrc=$left|$right:s=48000:d=17" \
        -c:a aac -b:a 40k -frames:a 750 "$work/audio.m4a"
}

# picture KBPS B_FRAMES SOURCE
picture() {
    ffmpeg -y -hide_banner -loglevel error -f lavfi -i "$3,format=yuv420p" \
        -c:v libx264 -profile:v main -preset slow -b:v "$1k" -maxrate "$(($1 * 2))k" -bufsize "$(($1 * 3))k" \
        -g 30 -keyint_min 30 -sc_threshold 0 -bf "$2" -frames:v 480 "$work/video.mp4"
}

join() {
    ffmpeg -y -hide_banner -loglevel error -i "$work/video.mp4" -i "$work/audio.m4a" -c copy \
        -map_metadata -1 -fflags +bitexact -flvflags no_duration_filesize "$1.flv"
}

size="s=640x360:r=30"

# Northern lights: slow curtains of green and violet.
chord 220 277.1875 329.625
picture 200 2 "gradients=$size:n=4:c0=0x03045e:c1=0x06d6a0:c2=0x7b2cbf:c3=0x03071e:x0=0:y0=0:x1=640:y1=360:speed=0.012:seed=11,\
hue=h=18*sin(2*PI*t/16)"
join aurora

# A dive into the seahorse valley of the Mandelbrot set.
chord 261.625 392 523.25
picture 215 0 "mandelbrot=$size:start_x=-0.7436438870:start_y=-0.1318259042:start_scale=2.4:end_scale=0.01:\
end_pts=480:maxiter=600:inner=black"
join mandelbrot

# Conway's Game of Life, once it has calmed down, glowing as it dies.
chord 196 246.9375 293.6875
picture 250 0 "life=s=160x90:r=15:mold=12:ratio=0.28:seed=7:life_color=#ffd166:death_color=#118ab2:mold_color=#073b4c,\
trim=start=9,setpts=PTS-STARTPTS,fps=30,scale=640:360:flags=neighbor"
join life

# Interference of three drifting waves.
chord 174.625 220 261.625
picture 240 0 "nullsrc=$size,geq=\
lum='128+52*sin(X/46+2*PI*T/8)+46*sin((X+Y)/62-2*PI*T/16)+24*sin(hypot(X-320\,Y-180)/24-2*PI*T/4)':\
cb='150+40*sin(Y/70+2*PI*T/16)':cr='110+36*sin(X/90-2*PI*T/8)'"
join tides

# A striped sun over a plain that rushes by. Four seconds of it fit together at their ends and are played four times.
sun="st(0\,lt(Y\,200)*lt(hypot(X-320\,Y-132)\,86)*gte(mod(Y-T*4\,16)\,max(0\,(Y-112)/7)))"
lines="max(max(0\,1-abs(ld(1)-round(ld(1)))*(Y-178)/7.5)\,max(0\,1-abs(ld(2)-round(ld(2)))*pow(Y-178\,2)/560))"
plain="st(1\,(X-320)*5/(Y-178));st(2\,380/(Y-178)+T*1.5);st(3\,gte(Y\,200)*(Y-186)/150*$lines)"
chord 293.6875 369.9375 440
picture 240 0 "nullsrc=$size,format=gbrp,geq=\
r='$sun;$plain;clip(if(ld(0)\,255\,if(lt(Y\,200)\,30+Y*0.45\,26+229*min(1\,ld(3))))\,0\,255)':\
g='$sun;$plain;clip(if(ld(0)\,235-Y*0.95\,if(lt(Y\,200)\,8+Y*0.06\,6+40*min(1\,ld(3))))\,0\,255)':\
b='$sun;$plain;clip(if(ld(0)\,60+Y*0.4\,if(lt(Y\,200)\,62+Y*0.25\,50+180*min(1\,ld(3))))\,0\,255)',\
loop=loop=3:size=120,setpts=N/30/TB"
join sunset

# A test card with running time, for judging delay and smoothness.
chord 330 440 550
picture 240 0 "testsrc2=$size"
join testcard
